import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apply, createToken, facts, kube } from './harness/cluster.ts'
import type { KubeObject } from './harness/kube.ts'
import { loginAs } from './harness/login.ts'
import { explainOnFailure, outcomeOf, waitForPod, waitForRun } from './harness/pods.ts'
import { startNode } from './harness/process.ts'
import { waitFor } from './harness/wait.ts'
import { journalRecords } from './product/audit.ts'
import { type BrokerApi, connectBroker, exchangeForm, podToken } from './product/broker-api.ts'
import { crash } from './product/crash.ts'
import { installProduct, type Product } from './product/install.ts'
import { system } from './product/names.ts'
import { createTeam } from './product/payments.ts'

/** A foreign cluster's Services are out of reach. */
const ownRig = facts().pki !== null
const inject = { 'tokenbroker.dev/inject': 'deploy-staging' }
let product: Product
let broker: BrokerApi
let namespace: string

beforeAll(async () => {
  product = await installProduct()
  broker = connectBroker(product.authority)
  namespace = (await createTeam({ apiUrl: 'http://unused.invalid' })).namespace
})

afterAll(async () => {
  await broker?.close()
  await (await kube()).close()
})

const work = (seconds: number) => [
  { name: 'work', image: facts().images.busybox, script: `#!/bin/sh\nexec sleep ${seconds}\n` },
]

/** A run without any TokenExchange: its pod asks by annotation. */
function taskRun(seconds = 600): KubeObject {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { generateName: 'migrate-', namespace, annotations: inject },
    spec: { serviceAccountName: 'deployer', taskSpec: { steps: work(seconds) } },
  }
}

function pipelineRun(seconds = 600, after: readonly object[] = []): KubeObject {
  const deploy = { name: 'deploy', taskSpec: { metadata: { annotations: inject }, steps: work(seconds) } }
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { generateName: 'release-', namespace },
    spec: { pipelineSpec: { tasks: [deploy, ...after] }, taskRunTemplate: { serviceAccountName: 'deployer' } },
  }
}

interface Started {
  readonly run: KubeObject
  readonly pod: string
  /** Given to the pod, and active. */
  readonly accessToken: string
}

/** Starts the run and gets a token as its pod does. */
async function start(manifest: KubeObject): Promise<Started> {
  const client = await kube()
  const run = await client.create(manifest)
  const { name } = run.metadata
  const labelSelector = run.kind === 'TaskRun' ? `tekton.dev/taskRun=${name}` : `tekton.dev/pipelineRun=${name}`
  const pod = await waitFor(`${name} has a pod`, async () => {
    const [found] = await client.list(`/api/v1/namespaces/${namespace}/pods`, { labelSelector })
    return found?.metadata.name
  })
  await waitForPod(namespace, pod, 'Running')
  const { status, body } = await broker.post('/token', exchangeForm(await podToken(namespace, pod)))
  expect({ status, body }).toMatchObject({ status: 200 })
  const accessToken = String(body['access_token'])
  expect(await introspect(accessToken)).toMatchObject({ active: true })
  return { run, pod, accessToken }
}

async function introspect(token: string) {
  const caller = await podToken(system, await product.controllerPod())
  return (await broker.post('/introspect', { token }, caller)).body
}

/** Resolves once introspection says inactive; prints how long it took. */
async function becomesInactive({ run, accessToken }: Started, since: number): Promise<void> {
  const caller = await podToken(system, await product.controllerPod())
  await waitFor(`the token of ${run.metadata.name} is inactive`, async () => {
    return (await broker.post('/introspect', { token: accessToken }, caller)).body['active'] === false
  })
  process.stdout.write(`${run.kind}: inactive ${Date.now() - since} ms after its end\n`)
}

/** What the journal says of a run from its end on. */
async function endOf({ run }: Started) {
  return await waitFor(`the end of ${run.metadata.name} is recorded`, async () => {
    const ofRun = (await journalRecords()).filter(({ subject }) => subject === `${namespace}/${run.metadata.name}`)
    const ended = ofRun.find(({ type }) => type === 'dev.tokenbroker.run.ended.v1')
    const revoked = ofRun.filter(({ type }) => type === 'dev.tokenbroker.token.revoked.v1')
    return ended && { ended: ended.data, revoked: revoked.map(({ data }) => data) }
  })
}

async function cancel(run: KubeObject): Promise<void> {
  const client = await kube()
  const status = run.kind === 'TaskRun' ? 'TaskRunCancelled' : 'Cancelled'
  await client.patch(await client.pathOf(run), { spec: { status } })
}

describe.runIf(ownRig)('what a run got by annotation ends', () => {
  test.concurrent('when a TaskRun that stands alone is done, with a record for each token and one for the run', async (context) => {
    explainOnFailure(namespace, context)
    const started = await start(taskRun(15))

    const done = await waitForRun(started.run)

    expect(outcomeOf(done)?.status).toBe('True')
    await becomesInactive(started, Date.parse(done.status.completionTime))
    const { ended, revoked } = await endOf(started)
    // The sidecar's own and ours.
    expect(ended).toMatchObject({
      reason: 'run_ended',
      revoked_count: 2,
      run: { task_run_uid: started.run.metadata.uid },
    })
    expect(revoked.map(({ reason }) => reason)).toEqual(['run_ended', 'run_ended'])
  })

  test.concurrent.for([
    ['a PipelineRun is cancelled', () => pipelineRun(), cancel],
    ['a TaskRun that stands alone is cancelled', () => taskRun(), cancel],
    ['a PipelineRun is deleted', () => pipelineRun(), remove],
    ['a TaskRun that stands alone is deleted', () => taskRun(), remove],
  ] as const)('when %s', async ([, manifest, end], context) => {
    explainOnFailure(namespace, context)
    const started = await start(manifest())
    const since = Date.now()

    await end(started.run)

    await becomesInactive(started, since)
  })

  test.concurrent('when a run times out', async () => {
    const manifest = taskRun()
    const started = await start({ ...manifest, spec: { ...manifest.spec, timeout: '30s' } })

    const done = await waitForRun(started.run)

    expect(outcomeOf(done)?.reason).toBe('TaskRunTimeout')
    await becomesInactive(started, Date.parse(done.status.completionTime))
  })

  test('when the controller is killed at that moment, at its next start', async () => {
    const all = await Promise.all([start(pipelineRun()), start(taskRun())])
    const back = await crash(await product.controllerPod(), '/app/controller.mjs')

    await Promise.all([cancel(all[0].run), remove(all[1].run)])
    await back()

    const since = Date.now()
    await Promise.all(all.map((one) => becomesInactive(one, since)))
  })
})

describe.runIf(ownRig)('tokenbroker revoke --run', () => {
  const main = join(import.meta.dirname, '../../custom-task/cli/main.ts')
  let revoker: string
  let editor: string

  beforeAll(async () => {
    await apply([...personWith('alice', revokerRules), ...personWith('bob', [], 'edit')])
    revoker = (await loginAs(namespace, 'alice')).kubeconfig
    editor = (await loginAs(namespace, 'bob')).kubeconfig
  })

  let count = 0
  async function revoke(run: KubeObject, kubeconfig: string) {
    const args = ['revoke', '--run', `${namespace}/${run.metadata.name}`, '--kubeconfig', kubeconfig]
    const command = startNode(`revoke-${++count}`, main, args)
    return { code: await command.exited, output: command.output() }
  }

  test.concurrent.for([
    ['a PipelineRun', () => pipelineRun()],
    ['a TaskRun that stands alone', () => taskRun()],
  ] as const)(
    'withdraws what %s was given for a person with the verb, under their name, and the run goes on',
    async ([, make], context) => {
      explainOnFailure(namespace, context)
      const started = await start(make())
      const since = Date.now()

      const { code, output } = await revoke(started.run, revoker)

      expect(output).toContain('was revoked')
      expect(code).toBe(0)
      await becomesInactive(started, since)
      const by = `system:serviceaccount:${namespace}:alice`
      const { ended, revoked } = await endOf(started)
      expect(ended).toMatchObject({ reason: 'revoked_by_person', by })
      expect(revoked[0]).toMatchObject({ reason: 'revoked_by_person', by })
      const again = await broker.post('/token', exchangeForm(await podToken(namespace, started.pod)))
      expect(again).toMatchObject({ status: 400, body: { error: 'access_denied' } })
      const client = await kube()
      expect(outcomeOf(await client.get(await client.pathOf(started.run)))?.status).toBe('Unknown')
      const twice = await revoke(started.run, revoker)
      expect(twice.output).toContain(`revoked already. By ${by}`)
      await cancel(started.run)
    },
  )

  test.concurrent('takes a client certificate as well as a token', async () => {
    const started = await start(taskRun())

    expect(await revoke(started.run, facts().kubeconfig)).toMatchObject({ code: 0 })

    await becomesInactive(started, Date.now())
    await cancel(started.run)
  })

  test.concurrent('is refused without the verb, and the token stays', async () => {
    const started = await start(taskRun())

    const { code, output } = await revoke(started.run, editor)

    expect(output).toMatch(/bob\) may not revoke runs in .* verb revoke on tokenpolicies/)
    expect(code).toBe(3)
    expect(await introspect(started.accessToken)).toMatchObject({ active: true })
    await cancel(started.run)
  })

  test.concurrent('cannot be done under the name of somebody else, nor be taken back', async () => {
    const { run } = await start(taskRun())
    const client = await kube()
    const path = await client.pathOf(run)
    const annotate = (value: string | null) =>
      client.patch(path, { metadata: { annotations: { 'tokenbroker.dev/revoked-by': value } } }).then(
        () => 'admitted',
        (error: Error) => error.message,
      )

    expect(await annotate('somebody-else')).toMatch(/takes your own user name/)
    expect(await revoke(run, revoker)).toMatchObject({ code: 0 })
    expect(await annotate(null)).toMatch(/does not come back/)
    await cancel(run)
  })

  test.concurrent('takes no name on a TaskRun that only says it was made by a PipelineRun', async () => {
    const maker = { apiGroups: ['tekton.dev'], resources: ['taskruns'], verbs: ['create'] }
    await loginAs(namespace, 'carol')
    await apply(personWith('carol', [maker]))
    const token = await createToken(namespace, 'carol')
    const owner = {
      apiVersion: 'tekton.dev/v1',
      kind: 'PipelineRun',
      name: 'none',
      uid: randomUUID(),
      controller: true,
    }
    const { metadata, ...rest } = taskRun(0)
    const annotations = { 'tokenbroker.dev/revoked-by': 'somebody-else' }
    const forged = { ...rest, metadata: { ...metadata, annotations, ownerReferences: [owner] } }

    await expect((await kube()).create(forged, { token })).rejects.toThrow(
      /takes your own user name|only Tekton makes an object the child/,
    )
  })

  test.concurrent('leaves a pipeline going: tasks behind it start', async (context) => {
    explainOnFailure(namespace, context)
    const after = { name: 'report', runAfter: ['deploy'], taskSpec: { steps: work(0) } }
    const started = await start(pipelineRun(15, [after]))

    expect(await revoke(started.run, revoker)).toMatchObject({ code: 0 })

    const done = await waitForRun(started.run)
    expect(outcomeOf(done)).toMatchObject({ status: 'True' })
  })
})

async function remove(run: KubeObject): Promise<void> {
  const client = await kube()
  await client.delete(await client.pathOf(run))
}

const revokerRules = [
  { apiGroups: ['tokenbroker.dev'], resources: ['tokenpolicies'], verbs: ['revoke'] },
  { apiGroups: ['tekton.dev'], resources: ['pipelineruns', 'taskruns'], verbs: ['get', 'patch'] },
  { apiGroups: [''], resources: ['events'], verbs: ['list'] },
]

/** A Role with these rules, or a ClusterRole that is there, bound to an account of the namespace. */
function personWith(name: string, rules: readonly object[], clusterRole?: string): readonly KubeObject[] {
  const apiGroup = 'rbac.authorization.k8s.io'
  const metadata = { name: `${name}-rights`, namespace }
  const roleRef = { apiGroup, kind: clusterRole ? 'ClusterRole' : 'Role', name: clusterRole ?? metadata.name }
  return [
    { apiVersion: `${apiGroup}/v1`, kind: 'Role', metadata, rules },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef,
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  ] as unknown as readonly KubeObject[]
}
