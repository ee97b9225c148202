import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apply, createToken, facts, kube } from './harness/cluster.ts'
import { type CallOptions, KubeError, type KubeObject, readObjects } from './harness/kube.ts'
import { waitForPod, waitForSuccess } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { journalRecords } from './product/audit.ts'
import { type BrokerApi, connectBroker, exchangeForm, podToken } from './product/broker-api.ts'
import { crash } from './product/crash.ts'
import { installProduct, type Product } from './product/install.ts'
import { release, target } from './product/names.ts'
import { childOf, createTeam, pipelineRun } from './product/payments.ts'
import { shellStep } from './product/token-task.ts'

const annotation = 'tokenbroker.dev/initiator'
const forged = { [annotation]: '{"username":"bob@example.com","uid":""}' }
const alice = { username: 'alice@example.com', uid: 'u-1' }
const ofAlice = '{"username":"alice@example.com","uid":"u-1"}'
/** On a foreign cluster nobody may speak for the kubelet. */
const ownRig = facts().pki !== null
let product: Product
let broker: BrokerApi
let namespace: string

beforeAll(async () => {
  product = await installProduct()
  broker = connectBroker(product.authority)
  namespace = (await createTeam({ apiUrl: 'http://unused.invalid' })).namespace
  await apply([account('bot'), account('listener'), editors()])
})

afterAll(async () => {
  await broker?.close()
  await (await kube()).close()
})

describe('whoever makes a run stands in it', () => {
  test.each<[string, () => KubeObject]>([
    ['a PipelineRun', () => pipelineRun(namespace, { isGate: true })],
    ['a TaskRun', () => taskRun()],
    ['a CustomRun', () => customRun()],
    ['a TaskRun of version v1beta1', () => ({ ...taskRun(), apiVersion: 'tekton.dev/v1beta1' })],
  ])('in %s of a person, in place of another name', async (_, make) => {
    for (const annotations of [undefined, { a: 'b' }, forged]) {
      expect(await tried(make(), annotations, { as: alice })).toEqual({ ...annotations, [annotation]: ofAlice })
    }
  })

  test.each(['bot', 'listener'])('for ServiceAccount %s with a token of its own', async (name) => {
    const token = await createToken(namespace, name)
    const { uid } = (await (await kube()).get(`/api/v1/namespaces/${namespace}/serviceaccounts/${name}`)).metadata
    const username = `system:serviceaccount:${namespace}:${name}`

    expect(await tried(pipelineRun(namespace), forged, { token })).toEqual({
      [annotation]: JSON.stringify({ username, uid }),
    })
  })

  test('unless no expression of admission could write the name', async () => {
    const as = { username: 'a","uid":"b' }
    await apply([editors(as.username)])
    const annotations = await waitFor('the API server knows the right of that user', async (report) =>
      tried(pipelineRun(namespace), forged, { as }).catch((error: Error) => void report(error.message)),
    )

    expect(annotations).toEqual({})
  })
})

describe('a run that goes on', () => {
  test('keeps the name, and its children have a copy', async () => {
    const client = await kube()
    const run = await client.create(pipelineRun(namespace, { isGate: true }), { as: alice })
    await waitForSuccess(run)

    const after = await client.get(await client.pathOf(run))
    expect(after.metadata.annotations?.[annotation]).toBe(ofAlice)
    expect((await childOf(run, 'customruns', 'token')).metadata.annotations?.[annotation]).toBe(ofAlice)
    const record = (await journalRecords()).find(({ data }) => data.run?.pipeline_run === run.metadata.name)
    expect(record?.data.run).toMatchObject({ initiator: alice.username, initiator_uid: alice.uid })
  })

  test.each([
    ['changed', forged[annotation]],
    ['taken away', null],
  ])('keeps it when it is %s', async (_, value) => {
    const client = await kube()
    const run = await client.create(pipelineRun(namespace, { isGate: true }), { as: alice })
    const patch = client.patch(await client.pathOf(run), { metadata: { annotations: { [annotation]: value } } })

    expect(await refusalOf(patch)).toContain('tokenbroker.dev/initiator stays as it was when the run was made')
  })
})

describe('while the webhook is away', () => {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${release}-webhook`
  let configuration: KubeObject
  beforeAll(async () => {
    const client = await kube()
    configuration = await client.get(path)
    await client.delete(path)
    await waitFor('runs have no stamp', async () => !(annotation in (await tried(pipelineRun(namespace), undefined))))
  })
  afterAll(async () => {
    const { resourceVersion: _version, uid: _uid, ...metadata } = configuration.metadata
    await (await kube()).create({ ...configuration, metadata })
  })

  test('a run may be made without a name, and with no name but the own one', async () => {
    expect(await tried(pipelineRun(namespace), undefined, { as: alice })).toEqual({})
    expect(await tried(pipelineRun(namespace), { [annotation]: ofAlice }, { as: alice })).toEqual({
      [annotation]: ofAlice,
    })
    expect(await refusalOf(tried(pipelineRun(namespace), forged, { as: alice }))).toContain(
      'names whoever makes the run',
    )
  })
})

describe.runIf(ownRig)('an agent', () => {
  let pod: string
  beforeAll(async () => {
    await apply([...agentPolicy(), access('builtin:deploy:production')])
    const task = { steps: [shellStep('sleep', 'sleep 600')] }
    const run = await (await kube()).create(
      { ...taskRun(), spec: { serviceAccountName: 'deployer', taskSpec: task } },
      { as: alice },
    )
    const made = await waitFor('the TaskRun has a pod', async () => {
      return (await (await kube()).get(await (await kube()).pathOf(run))).status?.podName as string | undefined
    })
    pod = made
    await waitForPod(namespace, pod, 'Running')
  })

  async function ask(scope: string, policy = 'agent') {
    return await broker.post('/token', { ...exchangeForm(await podToken(namespace, pod), policy), scope })
  }

  test('gets a short token that says so, and names who made the run', async () => {
    const { status, body } = await ask('deploy:staging')

    expect({ status, ...body }).toMatchObject({ status: 200, renewal: 'on_request' })
    // The end of a token is a whole second, and never later than its ttl.
    expect([59, 60]).toContain(body['expires_in'])
    expect(decodeJwt(String(body['access_token']))).toMatchObject({ agent: true, initiator: alice.username })
    const record = (await journalRecords()).find(({ data }) => data.exchange_id === body['exchange_id'])
    expect(record?.data).toMatchObject({ agent_named_by: 'policy', run: { initiator: alice.username } })
  })

  test('has no new budget after a restart of the broker, and may renew', async () => {
    await (await crash(await product.brokerPod(), '/app/broker.mjs'))()

    const spent = await ask('deploy:production')
    expect({ status: spent.status, ...spent.body }).toMatchObject({ status: 400, error: 'access_denied' })
    const record = (await journalRecords()).find(({ data }) => data.exchange_id === spent.body['exchange_id'])
    expect(record?.data).toMatchObject({ reason: 'agent_budget_spent', agent_named_by: 'policy' })
    expect((await ask('deploy:staging')).status).toBe(200)
  })
})

test.each(guideObjects())('the API server takes the %s of the guide on agents', async (_, object) => {
  const client = await kube()
  const metadata = object.kind === 'TokenPolicy' ? { ...object.metadata, namespace } : object.metadata
  const options = {
    contentType: 'application/apply-patch+yaml',
    query: { fieldManager: 'test', force: 'true', dryRun: 'All', fieldValidation: 'Strict' },
  }
  const applied = { ...object, metadata }

  await expect(client.call('PATCH', await client.pathOf(applied), applied, options)).resolves.toBeDefined()
})

function guideObjects(): readonly (readonly [string, KubeObject])[] {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/agents.md'), 'utf8')
  return [...guide.matchAll(/^```yaml\n(.*?)^```$/gms)]
    .flatMap(([, yaml = '']) => readObjects(yaml))
    .filter(({ apiVersion }) => apiVersion !== undefined)
    .map((object) => [object.kind, object])
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  return error instanceof KubeError ? error.message : `no refusal: ${String(error)}`
}

function agentPolicy(): readonly KubeObject[] {
  const agents = { serviceAccounts: ['deployer'], approval: 'AsPolicy', ttl: '1m', budgetPerRun: 1 }
  return [
    {
      apiVersion: 'tokenbroker.dev/v1alpha1',
      kind: 'TokenPolicy',
      metadata: { name: 'agent', namespace },
      spec: { audience: target, scopes: ['deploy:staging', 'deploy:production'], agents },
    },
  ]
}

function access(scope: string): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'deploy-staging', namespace },
    rules: [
      {
        apiGroups: ['tokenbroker.dev'],
        resources: ['tokenscopes'],
        resourceNames: ['builtin:deploy:staging', scope],
        verbs: ['exchange'],
      },
    ],
  }
}

/** The annotations that the run would have; nothing is made. */
async function tried(
  run: KubeObject,
  annotations: Readonly<Record<string, string>> | undefined,
  options: CallOptions = {},
) {
  const client = await kube()
  const made = await client.create(
    { ...run, metadata: { ...run.metadata, ...(annotations && { annotations }) } },
    { ...options, query: { dryRun: 'All' } },
  )
  return made.metadata.annotations ?? {}
}

function taskRun(): KubeObject {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { generateName: 'rollout-', namespace },
    spec: { taskRef: { name: 'rollout' } },
  }
}

function customRun(): KubeObject {
  const customRef = { apiVersion: 'example.com/v1', kind: 'Unknown' }
  return {
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'CustomRun',
    metadata: { generateName: 'custom-', namespace },
    spec: { customRef },
  }
}

function account(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } }
}

function editors(...others: readonly string[]): KubeObject {
  const apiGroup = 'rbac.authorization.k8s.io'
  const users = [alice.username, ...others]
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: 'RoleBinding',
    metadata: { name: 'editors', namespace },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'edit' },
    subjects: [
      ...users.map((name) => ({ apiGroup, kind: 'User', name })),
      ...['bot', 'listener'].map((name) => ({ kind: 'ServiceAccount', name, namespace })),
    ],
  }
}
