import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { problems } from '../../../core/problem.ts'
import { namespace } from '../identity/identity-fixture.ts'
import { createCustomRun, createPipelineRun, succeeded, tokenTask } from '../identity/run-fixture.ts'
import { audience, type Broker, customRunForm, startBroker, tokenOf } from './whole-app.ts'

/** `deliver: secret` at the broker: the controller gets the token of a CustomRun, and nobody else. */

const params = [{ name: 'deliver', value: 'secret' }]
const deploy = { name: 'deploy', runAfter: ['token'], taskRef: { kind: 'Task', name: 'rollout' } }

let allowing: Broker
let refusing: Broker
beforeAll(async () => {
  ;[allowing, refusing] = await Promise.all([startBroker({ secretDelivery: true }), startBroker()])
})
afterAll(async () => {
  await Promise.all([allowing[Symbol.asyncDispose](), refusing[Symbol.asyncDispose]()])
})

let count = 0

function start({ kube }: Broker): { readonly pipelineRun: KubeObject; readonly customRun: KubeObject } {
  count += 1
  const pipelineSpec = { tasks: [{ ...tokenTask, params }, deploy] }
  const pipelineRun = createPipelineRun(kube, `secret-${count}`, { status: { pipelineSpec } })
  return { pipelineRun, customRun: createCustomRun(kube, pipelineRun, { spec: { params } }) }
}

function ask(broker: Broker, path: string, customRun: KubeObject, account = 'controller') {
  return broker.post(path, customRunForm(customRun, tokenOf(broker.kube, account)))
}

async function lastRecord(broker: Broker) {
  return (await broker.records()).at(-1)
}

describe('deliver: secret', () => {
  it('gives the controller a token for the ServiceAccount of the tasks, which says who acted', async () => {
    const { customRun, pipelineRun } = start(allowing)

    const authorized = await ask(allowing, '/authorize', customRun)
    const granted = await ask(allowing, '/token', customRun)
    const record = await lastRecord(allowing)

    expect([authorized.status, granted.status]).toEqual([200, 200])
    expect(decodeJwt(String(granted.body['access_token']))).toMatchObject({
      aud: audience,
      sub: 'system:serviceaccount:payments:deployer',
      act: { sub: 'system:serviceaccount:payments:controller' },
      pipeline_run_uid: pipelineRun.metadata.uid,
    })
    expect(record).toMatchObject({
      type: 'dev.tokenbroker.exchange.granted.v1',
      data: {
        authorization_id: authorized.body['authorization_id'],
        subject: { service_account: 'deployer' },
        actor: { service_account: 'controller', pod: 'controller' },
        run: { custom_run: customRun.metadata.name },
      },
    })
  })

  it('is refused at both doors, with the mend, where the provider does not allow it', async () => {
    const { customRun } = start(refusing)

    for (const path of ['/authorize', '/token']) {
      const { status, body } = await ask(refusing, path, customRun)

      expect([status, body['error_description']]).toEqual([400, problems.secret_delivery_not_allowed.mend])
      expect(await lastRecord(refusing)).toMatchObject({ data: { reason: 'secret_delivery_not_allowed' } })
    }
  })

  it('is for the controller alone', async () => {
    const { customRun } = start(allowing)

    const { status, body } = await ask(allowing, '/token', customRun, 'builder')

    expect([status, body['error']]).toEqual([400, 'invalid_request'])
    expect(await lastRecord(allowing)).toMatchObject({ data: { reason: 'actor_not_allowed' } })
  })

  it('renews when the CustomRun has succeeded, but authorises it no more', async () => {
    const { customRun } = start(allowing)
    const { name } = customRun.metadata
    allowing.kube.objects.patchStatus(resources.customRuns, { namespace, name }, { conditions: succeeded })

    const renewed = await ask(allowing, '/token', customRun)
    const authorized = await ask(allowing, '/authorize', customRun)

    expect([renewed.status, authorized.status]).toEqual([200, 400])
  })

  it('ends with the run: the token is revoked, and there is no other', async () => {
    const { customRun, pipelineRun } = start(allowing)
    const { name, uid } = pipelineRun.metadata
    const { body } = await ask(allowing, '/token', customRun)
    allowing.kube.objects.patchStatus(resources.pipelineRuns, { namespace, name }, { conditions: succeeded })

    const end = { run: `${namespace}/PipelineRun/${name}/${uid}` }
    const ended = await allowing.post('/runs/end', end, tokenOf(allowing.kube, 'controller'))
    const token = { token: String(body['access_token']) }
    const introspected = await allowing.post('/introspect', token, tokenOf(allowing.kube, 'gateway'))
    const again = await ask(allowing, '/token', customRun)

    expect(ended.body).toMatchObject({ revoked: 1 })
    expect(introspected.body).toEqual({ active: false })
    expect([again.status, again.body['error']]).toEqual([400, 'access_denied'])
  })
})
