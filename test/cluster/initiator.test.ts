import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apply, createToken, kube } from './harness/cluster.ts'
import type { CallOptions, KubeObject } from './harness/kube.ts'
import { waitForSuccess } from './harness/pods.ts'
import { installProduct } from './product/install.ts'
import { childOf, createTeam, pipelineRun } from './product/payments.ts'

const annotation = 'tokenbroker.dev/initiator'
const forged = { [annotation]: '{"username":"bob@example.com","uid":""}' }
const alice = { username: 'alice@example.com', uid: 'u-1' }
const ofAlice = '{"username":"alice@example.com","uid":"u-1"}'
let namespace: string

beforeAll(async () => {
  await installProduct()
  namespace = (await createTeam({ apiUrl: 'http://unused.invalid' })).namespace
  await apply([account('bot'), account('listener'), editors()])
})

afterAll(async () => {
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

    expect(await tried(pipelineRun(namespace), forged, { as })).toEqual({})
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
  })
})

/** The annotations that the run would have; nothing is made. */
async function tried(run: KubeObject, annotations: Readonly<Record<string, string>> | undefined, options: CallOptions) {
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
