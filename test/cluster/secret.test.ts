import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { facts, kube } from './harness/cluster.ts'
import { KubeError, type KubeObject } from './harness/kube.ts'
import { explainOnFailure, outcomeOf, waitForPod, waitForRun, waitForSuccess } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { type BrokerApi, connectBroker, podToken } from './product/broker-api.ts'
import { crash, whilePaused } from './product/crash.ts'
import { type DeployApi, startDeployApi } from './product/deploy-api.ts'
import { editorToken } from './product/editor.ts'
import { installProduct, type Product } from './product/install.ts'
import { system } from './product/names.ts'
import { childOf, createTeam } from './product/payments.ts'
import { type MadeSecret, rollout, secretOf, secretRun } from './product/secret-run.ts'

/** A foreign cluster's Services and processes are out of reach. */
const ownRig = facts().pki !== null
const program = '/app/controller.mjs'
const asleep = 'exec sleep 600'
let product: Product
let broker: BrokerApi
let api: DeployApi
let namespace: string

beforeAll(async () => {
  product = await installProduct({ secrets: true })
  broker = connectBroker(product.authority)
  if (ownRig) api = await startDeployApi(product.authority)
  namespace = (await createTeam({ apiUrl: 'http://unused.invalid' })).namespace
})

afterAll(async () => {
  await api?.close()
  await broker?.close()
  await (await kube()).close()
})

describe.runIf(ownRig)('deliver: secret', () => {
  test.concurrent('lets a Task in that mounts the Secret, and takes it away when the run is done', async (context) => {
    explainOnFailure(namespace, context)
    const script = `${rollout}\ncat /token/expires-at`
    const run = await start(secretRun(namespace, { script, podTemplate: api.podTemplate }))
    const secret = await secretOf(run)
    expect(secret.object).toMatchObject({
      type: 'tokenbroker.dev/token',
      metadata: {
        name: expect.stringMatching(/^tokenbroker-[a-z2-7]{26}$/),
        ownerReferences: [{ kind: 'PipelineRun', uid: run.metadata.uid }],
      },
    })

    await waitForSuccess(run)

    const [claims] = api.accepted.filter((one) => one['pipeline_run'] === run.metadata.name)
    expect(claims).toMatchObject({
      sub: `system:serviceaccount:${namespace}:deployer`,
      act: { sub: `system:serviceaccount:${system}:tokenbroker-controller` },
    })
    await waitUntilWithdrawn(secret)
  })

  test.concurrent('injects nothing into the tasks that mount it', async () => {
    const run = await start(secretRun(namespace, { script: 'true' }))
    await waitForSuccess(run)
    const { status } = await childOf(run, 'taskruns', 'deploy')
    const pod = await (await kube()).get(`/api/v1/namespaces/${namespace}/pods/${status.podName}`)

    expect(JSON.stringify(pod.spec)).not.toContain('tokenbroker-gate')
  })

  test.concurrent('takes it away when the run fails', async () => {
    const run = await start(secretRun(namespace, { script: 'sleep 2; exit 1' }))
    const secret = await secretOf(run)
    await waitForRun(run)

    await waitUntilWithdrawn(secret)
  })

  test.concurrent('renews it in place while the task runs, and takes it away when the run is cancelled', async () => {
    const run = await start(secretRun(namespace, { script: asleep, ttl: '24s' }))
    const secret = await secretOf(run)
    const renewed = await waitFor('the token is another one', async () => {
      const next = await secretOf(run)
      return next.token !== secret.token && next
    })
    expect(renewed.object.metadata.uid).toBe(secret.object.metadata.uid)

    await cancel(run)
    await waitForRun(run)
    await waitUntilWithdrawn(renewed)
  })

  test.concurrent('neither fills nor deletes a Secret that somebody planted under the name of one of ours', async () => {
    const run = await start(secretRun(namespace, { script: asleep, ttl: '24s' }))
    const secret = await secretOf(run)
    const client = await kube()
    const token = await editorToken(namespace)
    await client.delete(secret.path)
    const planted = await client.create(ordinarySecret(secret.name), { token })
    await waitFor('the controller gave the renewal up', async () => {
      const { status } = await childOf(run, 'customruns', 'token')
      return status.extraFields.secrets.length === 0
    })

    await cancel(run)
    await waitForRun(run)
    await waitFor('the end of the run is told', async () => {
      const { metadata } = await childOf(run, 'customruns', 'token')
      return ((metadata['finalizers'] ?? []) as readonly string[]).length === 0
    })
    expect(await client.get(secret.path)).toMatchObject({
      metadata: { uid: planted.metadata.uid },
      data: planted['data'],
    })
  })

  test('takes it away after the controller was killed and the run ended meanwhile', async () => {
    const run = await start(secretRun(namespace, { script: asleep }))
    const secret = await secretOf(run)
    const pod = await product.controllerPod()
    const restarted = await whilePaused(program, async () => {
      await cancel(run)
      await waitForRun(run)
      return await crash(pod, program)
    })
    await restarted()

    await waitUntilWithdrawn(secret)
  })

  test('is refused, with the mend, where the provider does not allow it', async () => {
    const provider = '/apis/tokenbroker.dev/v1alpha1/clustertokenproviders/builtin'
    const client = await kube()
    await client.patch(provider, { spec: { limits: { secretDelivery: false } } })
    const run = await waitFor('a run is refused', async () => {
      const one = await start(secretRun(namespace, { script: 'true' }))
      // The broker hears of the change a moment after it was made.
      return outcomeOf(await waitForRun(one))?.status !== 'True' && one
    })
    await client.patch(provider, { spec: { limits: { secretDelivery: true } } })

    const customRun = await childOf(run, 'customruns', 'token')
    expect(outcomeOf(customRun)).toMatchObject({
      reason: 'Denied',
      message: expect.stringContaining('use deliver: sidecar'),
    })
    expect(customRun.status.results ?? []).toEqual([])
  })
})

describe.concurrent('admission', () => {
  let token: string
  beforeAll(async () => {
    token = await editorToken(namespace)
    // A binding takes effect a moment after it was made.
    await waitFor('the policy is in force', async () => (await refusal(create(labelled('probe'), token))) !== undefined)
  })

  test.each([
    ['with our label', () => labelled('planted-label')],
    ['of our type', () => ({ ...ordinarySecret('planted-type'), type: 'tokenbroker.dev/token' })],
  ])('lets nobody with the role edit make a Secret %s', async (_what, object) => {
    expect(await refusal(create(object(), token))).toMatch(/written by the controller of the token broker alone/)
  })

  test('lets nobody with the role edit put our label on a Secret', async () => {
    const secret = await create(ordinarySecret('plain'), token)
    const path = await (await kube()).pathOf(secret)
    const labels = { 'tokenbroker.dev/deliver': 'secret' }

    expect(await refusal((await kube()).patch(path, { metadata: { labels } }, { token }))).toMatch(/controller/)
  })

  test.runIf(ownRig)('lets nobody with the role edit change a Secret of ours', async () => {
    const run = await start(secretRun(namespace, { script: asleep }))
    const { path } = await secretOf(run)
    const patch = async (change: object) => refusal((await kube()).patch(path, change, { token }))

    expect(await patch({ data: { token: 'eA==' } })).toMatch(/controller/)
    expect(await patch({ metadata: { labels: { 'tokenbroker.dev/deliver': null } } })).toMatch(/controller/)
    expect(await patch({ metadata: { ownerReferences: [] } })).toMatch(/controller/)
    expect(await patch({ immutable: true })).toMatch(/controller/)
    await cancel(run)
    await waitForRun(run)
  })

  test.runIf(ownRig)('holds the controller to its own Secrets, of which it reads none', async () => {
    const login = { token: await podToken(system, await product.controllerPod(), await apiAudience()) }
    const client = await kube()
    const secret = await create(ordinarySecret('database'), token)
    const path = await client.pathOf(secret)

    expect(await refusal(client.get(path, login))).toMatch(/403/)
    expect(await refusal(client.get(path.slice(0, path.lastIndexOf('/')), login))).toMatch(/403/)
    expect(await refusal(client.patch(path, {}, login))).toMatch(/writes and deletes only/)
    expect(await refusal(client.call('DELETE', path, undefined, login))).toMatch(/writes and deletes only/)
    expect(await refusal(client.create(ordinarySecret('other'), login))).toMatch(/writes and deletes only/)
  })
})

async function start(run: KubeObject): Promise<KubeObject> {
  return await (await kube()).create(run)
}

async function cancel(run: KubeObject): Promise<void> {
  const client = await kube()
  const { status } = await waitFor('the task is at work', async () => {
    const { status: found } = await client.get(await client.pathOf(run))
    const hasTask = found?.childReferences?.some((one: { kind: string }) => one.kind === 'TaskRun')
    const child = hasTask && (await childOf(run, 'taskruns', 'deploy'))
    return typeof child === 'object' && child.status?.podName ? child : undefined
  })
  await waitForPod(run.metadata.namespace ?? '', status.podName, 'Running')
  await client.patch(await client.pathOf(run), { spec: { status: 'Cancelled' } })
}

/** The Secret is gone, and who introspects does not take the token any more. */
async function waitUntilWithdrawn({ path, token }: MadeSecret): Promise<void> {
  await waitFor('the Secret is gone', async () => (await (await kube()).find(path)) === undefined)
  const caller = await podToken(system, await product.controllerPod())
  await waitFor('the token is inactive', async (report) => {
    const { body } = await broker.post('/introspect', { token }, caller)
    report(body)
    return body['active'] === false
  })
}

function ordinarySecret(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data: { password: 'eA==' } }
}

function labelled(name: string): KubeObject {
  const labels = { 'tokenbroker.dev/deliver': 'secret' }
  return { ...ordinarySecret(name), metadata: { name, namespace, labels } }
}

async function create(object: KubeObject, token: string): Promise<KubeObject> {
  return await (await kube()).create(object, { token })
}

/** Why the API server refuses; undefined when it does not. */
async function refusal(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call
    return undefined
  } catch (error) {
    if (error instanceof KubeError && error.status === 403) return `403 ${error.message}`
    throw error
  }
}

/** The audience of tokens that are for the API server itself. */
async function apiAudience(): Promise<string> {
  const { issuer } = await (await kube()).get<{ issuer: string }>('/.well-known/openid-configuration')
  return issuer
}
