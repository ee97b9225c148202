import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { initiatorAnnotation } from '../../../core/identity/initiator.ts'
import { resources } from '../../../core/io/kube/api.ts'
import { type Broker, exchangeForm, startBroker, tokenOf } from '../../broker/http/whole-app.ts'
import { namespace } from '../../broker/identity/identity-fixture.ts'
import { createRun, succeeded } from '../../broker/identity/run-fixture.ts'
import { commandLine } from './command-line.ts'
import { entriesOf, journalOf } from './journal-directory.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(async () => await broker[Symbol.asyncDispose]())

/** A run that gets a token, is refused another one, and ends; somebody calls themselves as it suits them. */
async function runToItsEnd(username: string) {
  const { kube } = broker
  const annotations = { [initiatorAnnotation]: JSON.stringify({ username, uid: '' }) }
  const { pipelineRun, pod } = createRun(kube, { pipelineRun: { metadata: { annotations } } })
  const token = tokenOf(kube, pod.metadata.name, 'deployer')
  const { body } = await broker.post('/token', exchangeForm(token))
  await broker.post('/token', exchangeForm(token, { policy: 'deploy-staging', scope: 'deploy:everything' }))
  const { name, uid } = pipelineRun.metadata
  kube.objects.patchStatus(resources.pipelineRuns, { namespace, name }, { conditions: succeeded })
  const run = `${namespace}/PipelineRun/${name}/${uid}`
  await broker.post('/runs/end', { run }, tokenOf(kube, 'controller'))
  const { jti } = JSON.parse(Buffer.from(String(body['access_token']).split('.')[1] ?? '', 'base64url').toString())
  return { name, uid, jti: String(jti) }
}

describe('trace', () => {
  it('shows from the journal of a whole broker a run from who made it to its end', async () => {
    const { name, uid, jti } = await runToItsEnd('jane@example.com')
    const { directory } = await journalOf(entriesOf(await broker.records()))

    const { code, out, notes } = await commandLine(['trace', `${namespace}/${name}`, '--journal', directory])

    expect([code, notes]).toEqual([0, ''])
    const refused = /exchange (?!ID)(\S+) \S+: denied/.exec(out)?.[1] ?? ''
    const text = [name, uid, jti, refused].reduce(
      (current, word, at) => current.replaceAll(word, ['RUN', 'UID', 'JTI', 'REFUSED'][at] ?? ''),
      out,
    )
    const [time, target] = ['2026-03-01T12:00:00.000Z', 'audience https://deploy.example.com']
    expect(text.trimEnd().split('\n')).toEqual([
      'initiator jane@example.com, stamped by admission, not proved',
      '└─ PipelineRun payments/RUN, uid UID, cluster main, pipeline release, assurance claimed',
      '   ├─ only claimed: admission: "the configuration of the cluster names no admission policies"',
      '   ├─ task deploy, TaskRun RUN-deploy, pod RUN-deploy-pod, ServiceAccount deployer',
      `   │  ├─ exchange JTI ${time}: granted, TokenPolicy deploy-staging generation 1, scopes deploy:staging, ${target}`,
      `   │  │  └─ token JTI, expires 2026-03-01T12:05:00Z, revoked ${time}: run_ended`,
      `   │  └─ exchange REFUSED ${time}: denied scope_not_allowed, TokenPolicy deploy-staging generation 1, scopes deploy:everything, ${target}`,
      '   │     └─ because "deploy-staging: scopes: not in the policy: deploy:everything"',
      `   └─ end ${time}: run_ended, tokens withdrawn 1, authorisations closed 0`,
    ])
    for (const way of [['--jti', jti], ['--exchange', refused], [`${namespace}/${name}-deploy`]])
      expect(await commandLine(['trace', ...way, '--journal', directory])).toEqual({ code, out, notes })
  })

  it('lets nobody say by a name what the broker does not say', async () => {
    const { name } = await runToItsEnd('jane, named by the event, proved\u202e')
    const { directory } = await journalOf(entriesOf(await broker.records()))

    const { out } = await commandLine(['trace', `${namespace}/${name}`, '--journal', directory])

    expect(out.split('\n')[0]).toBe('initiator "jane, named by the event, proved?", stamped by admission, not proved')
  })
})
