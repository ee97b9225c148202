import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostAddress, kube } from './harness/cluster.ts'
import { exposeHostProcess } from './harness/host-service.ts'
import type { KubeObject } from './harness/kube.ts'
import { explainOnFailure, outcomeOf, podLogs, waitForRun, waitForSuccess } from './harness/pods.ts'
import { type HostProcess, startNode } from './harness/process.ts'
import { waitFor } from './harness/wait.ts'
import { journalRecords } from './product/audit.ts'
import { crash } from './product/crash.ts'
import { installProduct, type Product } from './product/install.ts'
import { issuerUrl, system, target } from './product/names.ts'
import { childOf, createTeam, pipelineRun } from './product/payments.ts'
import { untilReachable } from './product/reachable.ts'

let product: Product
let api: HostProcess
let apiUrl: string

beforeAll(async () => {
  product = await installProduct()
  const name = await exposeHostProcess({ namespace: system, name: 'deploy-api', port: 80, targetPort: 18_445 })
  apiUrl = `http://${name}`
  const main = join(import.meta.dirname, '../fakes/protected-api-main.ts')
  const args = [
    '--address',
    hostAddress(),
    '--port',
    '18445',
    '--issuer',
    issuerUrl,
    '--audience',
    target,
    '--scope',
    'deploy:staging',
  ]
  api = startNode('deploy-api', main, [...args, '--ca', product.authorityFile])
  await api.waitForOutput(/listening/)
}, 240_000)

afterAll(async () => {
  await api?.stop()
  await (await kube()).close()
})

describe('a PipelineRun with a TokenExchange task and a task behind it', () => {
  let namespace: string
  let run: KubeObject

  beforeAll(async () => {
    namespace = (await createTeam({ apiUrl })).namespace
    run = await (await kube()).create(pipelineRun(namespace))
  })

  test('succeeds: the custom run is authorised and the step is let in by the protected API', async () => {
    explainOnFailure(namespace)
    await waitForSuccess(run, 60_000)
    const customRun = await childOf(run, 'customruns', 'token')
    expect(outcomeOf(customRun)).toMatchObject({ status: 'True', reason: 'Authorized' })
    const results = Object.fromEntries(
      customRun.status.results.map((one: { name: string; value: string }) => [one.name, one.value]),
    )
    expect(results).toMatchObject({ policy: 'deploy-staging', audience: target, scope: 'deploy:staging' })
    expect(Object.keys(results).toSorted()).toEqual(['audience', 'authorization-id', 'expires-at', 'policy', 'scope'])
  })

  test('gives the step the token as a file and over localhost, and not the identity', async () => {
    const taskRun = await childOf(run, 'taskruns', 'deploy')
    const logs = await podLogs(namespace, taskRun.status.podName, 'step-rollout')
    const rollouts = logs
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
    expect(rollouts).toHaveLength(2)
    expect(rollouts[0]).toMatchObject({
      by: `system:serviceaccount:${namespace}:deployer`,
      pipeline_run: run.metadata.name,
    })
    expect(logs).toContain('LOCALHOST-SAME-TOKEN')
    expect(logs).toContain('IDENTITY-NOT-IN-STEP')
  })

  test('leaves a verified audit trail that ends with the run, and no token anywhere in it', async () => {
    const lines = await waitFor('the end of the run is recorded', async () => {
      const all = await journalRecords()
      return (
        all.some(({ type, subject }) => type.includes('run.ended') && subject.endsWith(`/${run.metadata.name}`)) && all
      )
    })
    const ofRun = lines
      .filter(({ subject }) => subject === `${namespace}/${run.metadata.name}`)
      .map(({ type }) => type.split('.').at(-2))
    expect(ofRun).toEqual(['authorized', 'granted', 'revoked', 'ended'])
    expect(JSON.stringify(lines)).not.toMatch(/eyJ[\w-]{10,}\./)
  })
})

test('a ServiceAccount without the role is denied, with the mend, before any pod runs', async () => {
  const { namespace } = await createTeam({ apiUrl, hasRole: false })
  explainOnFailure(namespace)
  const run = await waitForRun(await (await kube()).create(pipelineRun(namespace)))
  expect(outcomeOf(run)?.status).toBe('False')
  const { reason, message } = outcomeOf(await childOf(run, 'customruns', 'token')) ?? {}
  expect(reason).toBe('Denied')
  expect(message).toMatch(/Role and RoleBinding/)
  expect(await (await kube()).list(`/api/v1/namespaces/${namespace}/pods`)).toEqual([])
})

test('unknown params fail the run with a list of what is known', async () => {
  const { namespace } = await createTeam({ apiUrl })
  const run = await waitForRun(
    await (await kube()).create(pipelineRun(namespace, { params: [{ name: 'scopes', value: 'x' }] })),
  )
  const { reason, message } = outcomeOf(await childOf(run, 'customruns', 'token')) ?? {}
  expect(reason).toBe('InvalidParams')
  expect(message).toMatch(/Unknown param scopes; known params are policy, audience, scope/)
})

test('kubectl auth can-i answers what the broker enforces', async () => {
  const { namespace } = await createTeam({ apiUrl })
  const review = (name: string) =>
    kube().then((client) =>
      client.post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: `system:serviceaccount:${namespace}:deployer`,
          groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
          resourceAttributes: { namespace, verb: 'exchange', group: 'tokenbroker.dev', resource: 'tokenscopes', name },
        },
      }),
    )
  expect((await review('builtin:deploy:staging')).status.allowed).toBe(true)
  expect((await review('builtin:deploy:production')).status.allowed).toBe(false)
})

describe('while the broker is away', () => {
  test('a custom run waits, is cancelled or timed out by name, and is decided when the broker is back', async () => {
    const { namespace } = await createTeam({ apiUrl })
    explainOnFailure(namespace)
    const client = await kube()
    const broker = `/apis/apps/v1/namespaces/${system}/statefulsets/tokenbroker`
    await client.patch(broker, { spec: { replicas: 0 } })
    await waitFor('the broker is gone', async () => {
      const pods = await client.list(`/api/v1/namespaces/${system}/pods`, {
        labelSelector: 'app.kubernetes.io/component=broker',
      })
      return pods.length === 0
    })

    const [waiting, cancelled, timedOut] = await Promise.all([
      client.create(pipelineRun(namespace, { isGate: true })),
      client.create(pipelineRun(namespace, { isGate: true })),
      client.create(pipelineRun(namespace, { isGate: true, timeout: '5s' })),
    ])
    await reasonOf(waiting, 'BrokerUnavailable')
    await reasonOf(cancelled, 'BrokerUnavailable')
    const path = `/apis/tekton.dev/v1/namespaces/${namespace}/pipelineruns/${cancelled.metadata.name}`
    await client.patch(path, { spec: { status: 'Cancelled' } })
    await reasonOf(cancelled, 'CustomRunCancelled')
    await reasonOf(timedOut, 'CustomRunTimedOut')
    expect(outcomeOf(await waitForRun(cancelled))?.reason).toBe('Cancelled')

    await client.patch(broker, { spec: { replicas: 1 } })
    await product.brokerPod()
    await untilReachable()
    await waitForSuccess(waiting)
    expect(outcomeOf(await childOf(waiting, 'customruns', 'token'))?.reason).toBe('Authorized')
  })
})

test('a broker that is killed keeps its keys and its journal, and the chain goes on', async () => {
  const { namespace } = await createTeam({ apiUrl })
  const before = await journalRecords()
  const restarted = await crash(await product.brokerPod(), '/app/broker.mjs')
  await restarted()
  await waitForSuccess(await (await kube()).create(pipelineRun(namespace, { isGate: true })))
  const after = await journalRecords()
  expect(after.slice(0, before.length).map(({ id }) => id)).toEqual(before.map(({ id }) => id))
  expect(new Set(after.map(({ data }) => data.attestation.chain_uid)).size).toBe(1)
})

test('a controller that is killed in the middle loses nothing', async () => {
  const { namespace } = await createTeam({ apiUrl, hasRole: true })
  explainOnFailure(namespace)
  const client = await kube()
  const pod = await product.controllerPod()
  const runs = await Promise.all(
    Array.from({ length: 10 }, () => client.create(pipelineRun(namespace, { isGate: true }))),
  )
  const restarted = await crash(pod, '/app/controller.mjs')
  await client.create(pipelineRun(namespace, { isGate: true })).then((run) => runs.push(run))
  await restarted()
  for (const run of runs) await waitForSuccess(run, 60_000)
  const lines = await waitFor('every end is recorded', async () => {
    const all = await journalRecords()
    const endings = all.filter(({ type, subject }) => type.includes('run.ended') && subject.startsWith(`${namespace}/`))
    return endings.length >= runs.length && endings
  })
  expect(new Set(lines.map(({ subject }) => subject)).size).toBe(runs.length)
})

async function reasonOf(run: KubeObject, reason: string): Promise<void> {
  await waitFor(`the custom run of ${run.metadata.name} is ${reason}`, async () => {
    const found = outcomeOf(await childOf(run, 'customruns', 'token'))
    return found?.reason === reason || undefined
  })
}
