import { describe, expect, it } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { Secret } from '../../../core/secret.ts'
import { gather } from '../../../custom-task/webhook/gather.ts'
import { customRunObject, namespace, pipelineRunObject, tokenTask } from '../../core/tekton/objects.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'
import { ask } from './apply.ts'

const signal = AbortSignal.timeout(30_000)
const deploy = { name: 'deploy', runAfter: ['token'], taskRef: { kind: 'Task', name: 'rollout' } }

interface Scene {
  readonly tasks?: readonly object[]
  readonly last?: readonly object[]
  /** Fields of the CustomRun's spec. */
  readonly spec?: object
  readonly condition?: { readonly status: string; readonly reason: string }
  readonly results?: readonly { readonly name: string; readonly value: string }[]
  /** The pipeline task that the pod's TaskRun was made for. */
  readonly task?: string
  /** Whether the PipelineRun names the TaskRun already. */
  readonly isNamed?: boolean
  readonly customRuns?: readonly string[]
}

const authorized = { status: 'True', reason: 'Authorized' }

/** A run in the API server, up to the moment when Tekton makes the pod of a task. */
async function setUp(scene: Scene = {}) {
  const {
    tasks = [tokenTask, deploy],
    last = [],
    task = 'deploy',
    isNamed = true,
    customRuns = ['release-token'],
  } = scene
  const kube = await startKube()
  const client = createKubeClient({ credentials: { server: kube.url, token: new Secret(kube.adminToken) } })
  const children = customRuns.map((name) => ({
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'CustomRun',
    name,
    pipelineTaskName: 'token',
  }))
  const own = { apiVersion: 'tekton.dev/v1', kind: 'TaskRun', name: 'release-deploy', pipelineTaskName: task }
  const run = kube.objects.create(
    pipelineRunObject({
      metadata: { resourceVersion: undefined },
      status: { pipelineSpec: { tasks, finally: last }, childReferences: isNamed ? [...children, own] : children },
    }),
  )
  const owner = { ...ownerOf(run), controller: true }
  for (const name of customRuns) {
    kube.objects.create(
      customRunObject({
        metadata: { name, resourceVersion: undefined, ownerReferences: [owner] },
        spec: scene.spec ?? {},
        status: {
          conditions: [{ type: 'Succeeded', ...(scene.condition ?? authorized) }],
          results: scene.results ?? [],
        },
      }),
    )
  }
  const taskRun = makeTaskRun(kube, task, [owner])
  return {
    kube,
    client,
    run,
    taskRun,
    owner,
    gather: () => gather({ namespace, name: 'release-deploy', uid: taskRun.metadata.uid }, client, signal),
    async [Symbol.asyncDispose]() {
      await client.close()
      await kube.close()
    },
  }
}

function ownerOf({ apiVersion, kind, metadata: { name, uid } }: KubeObject) {
  return { apiVersion, kind, name, uid }
}

function makeTaskRun(kube: FakeKube, task: string, ownerReferences: readonly object[]): KubeObject {
  return kube.objects.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 'release-deploy', namespace, labels: { 'tekton.dev/pipelineTask': task }, ownerReferences },
    spec: { taskRef: { name: 'rollout' }, serviceAccountName: 'deployer' },
  })
}

function known(asks: readonly object[], complaints: readonly string[] = []) {
  return { kind: 'known', fromPipeline: { asks, complaints } }
}

describe('gather', () => {
  it('finds the token of the task before, in three questions after one another', async () => {
    await using scene = await setUp()
    scene.kube.forgetRequests()

    expect(await scene.gather()).toEqual(known([ask('deploy-staging')]))
    expect(scene.kube.requests().map(({ info }) => `${info.plural}/${info.name}`)).toEqual([
      'taskruns/release-deploy',
      'pipelineruns/release',
      'customruns/release-token',
    ])
  })

  it('goes by the label until the PipelineRun names the TaskRun, and by the name from then on', async () => {
    await using early = await setUp({ isNamed: false })
    expect(await early.gather()).toEqual(known([ask('deploy-staging')]))

    await using late = await setUp({ tasks: [tokenTask, deploy, { name: 'build' }], task: 'build' })
    late.kube.objects.patch(
      resources.taskRuns,
      { namespace, name: 'release-deploy' },
      { metadata: { labels: { 'tekton.dev/pipelineTask': 'deploy' } } },
    )
    expect(await late.gather()).toEqual(known([]))

    await using forged = await setUp({ isNamed: false, task: 'nowhere' })
    expect(await forged.gather()).toEqual(known([]))
  })

  it('takes what the params say of this task', async () => {
    const params = [
      { name: 'into', value: ['deploy', 'smoke'] },
      { name: 'steps', value: ['deploy/rollout', 'deploy/check'] },
      { name: 'as', value: 'netrc' },
      { name: 'scope', value: 'deploy:staging' },
      { name: 'audience', value: 'https://deploy.example.com' },
    ]
    const tasks = [{ ...tokenTask, params }, deploy, { name: 'smoke', runAfter: ['deploy'] }]
    const narrowed = { audience: 'https://deploy.example.com', scopes: ['deploy:staging'], as: ['netrc'] as const }
    await using first = await setUp({ tasks, spec: { params } })
    await using second = await setUp({ tasks, spec: { params }, task: 'smoke' })

    expect(await first.gather()).toEqual(known([ask('deploy-staging', { ...narrowed, steps: ['rollout', 'check'] })]))
    expect(await second.gather()).toEqual(known([ask('deploy-staging', narrowed)]))
  })

  it('takes every policy, and the one that the broker found where the task names none', async () => {
    const several = [{ name: 'policy', value: ['a', 'b'] }]
    const { name: _, ...unnamed } = tokenTask.taskRef
    const tasks = [{ ...tokenTask, taskRef: unnamed, params: several }, deploy]
    await using first = await setUp({ tasks, spec: { customRef: unnamed, params: several } })
    expect(await first.gather()).toEqual(known([ask('a'), ask('b')]))

    const target = [
      { name: 'audience', value: 'https://a' },
      { name: 'scope', value: 's' },
    ]
    await using second = await setUp({
      tasks: [{ ...tokenTask, taskRef: unnamed, params: target }, deploy],
      spec: { customRef: unnamed, params: target },
      results: [{ name: 'policy', value: 'found' }],
    })
    expect(await second.gather()).toEqual(known([ask('found', { audience: 'https://a', scopes: ['s'] })]))
  })

  it('collects every combination of a matrix', async () => {
    const { name: _, ...unnamed } = tokenTask.taskRef
    const matrix = { params: [{ name: 'policy', value: ['a', 'b'] }] }
    const tasks = [{ ...tokenTask, taskRef: unnamed, matrix }, deploy]
    await using scene = await setUp({ tasks, customRuns: [] })
    const made = ['a', 'b'].map((policy, i) => {
      const name = `release-token-${i}`
      scene.kube.objects.create(
        customRunObject({
          metadata: { name, resourceVersion: undefined, ownerReferences: [scene.owner] },
          spec: { customRef: unnamed, params: [{ name: 'policy', value: policy }] },
          status: { conditions: [{ type: 'Succeeded', ...authorized }] },
        }),
      )
      return { kind: 'CustomRun', name, pipelineTaskName: 'token' }
    })
    scene.kube.objects.patchStatus(resources.pipelineRuns, { namespace, name: 'release' }, { childReferences: made })

    expect(await scene.gather()).toEqual(known([ask('a'), ask('b')]))
  })

  it('finds the token of a task in finally, which into names', async () => {
    const params = [{ name: 'into', value: ['cleanup'] }]
    const tasks = [{ ...tokenTask, params }, { name: 'build' }]
    await using scene = await setUp({ tasks, last: [{ name: 'cleanup' }], spec: { params }, task: 'cleanup' })

    expect(await scene.gather()).toEqual(known([ask('deploy-staging')]))
  })

  it.each([
    ['was refused', { condition: { status: 'False', reason: 'Denied' } }],
    ['is not done', { condition: { status: 'Unknown', reason: 'AwaitingApproval' } }],
    ['ended well for somebody else', { condition: { status: 'True', reason: 'Succeeded' } }],
    ['was skipped', { customRuns: [] }],
    ['goes into another task', into('other')],
    ['runs beside', { tasks: [tokenTask, { ...deploy, runAfter: [] }, { name: 'x', runAfter: ['token'] }] }],
    ['only gates', gateOnly()],
    ['is no TokenExchange', { tasks: [{ name: 'token', taskRef: { apiVersion: 'a/v1', kind: 'Approval' } }, deploy] }],
  ] as const)('finds none where the exchange %s', async (_, scene) => {
    await using run = await setUp(scene)

    expect(await run.gather()).toEqual(known([]))
  })

  it('complains about a CustomRun that is not what its pipeline says', async () => {
    await using scene = await setUp({ spec: { params: [{ name: 'policy', value: 'deploy-production' }] } })

    expect(await scene.gather()).toEqual(
      known([], ['CustomRun release-token is not what its PipelineRun says: run it again']),
    )
  })

  it('does not look at a CustomRun of another run', async () => {
    await using scene = await setUp()
    const ownerReferences = [{ ...scene.owner, uid: '99999999-9999-4999-8999-999999999999' }]
    scene.kube.objects.patch(
      resources.customRuns,
      { namespace, name: 'release-token' },
      { metadata: { ownerReferences } },
    )

    expect(await scene.gather()).toEqual(known([]))
  })

  it('knows a TaskRun that stands alone, and one of a child pipeline, which has exchanges of its own', async () => {
    await using scene = await setUp()
    const ref = { namespace, name: 'release-deploy' }
    scene.kube.objects.patch(resources.taskRuns, ref, { metadata: { ownerReferences: [] } })
    expect(await scene.gather()).toEqual(known([]))

    const child = scene.kube.objects.create(
      pipelineRunObject({
        metadata: { name: 'release-child', uid: undefined, resourceVersion: undefined, ownerReferences: [scene.owner] },
        status: { pipelineSpec: { tasks: [deploy] }, childReferences: [] },
      }),
    )
    const ownerReferences = [{ ...ownerOf(child), controller: true }]
    scene.kube.objects.patch(resources.taskRuns, ref, { metadata: { ownerReferences } })
    expect(await scene.gather()).toEqual(known([]))
  })

  it('does not know a TaskRun that is not there, or is another one of that name', async () => {
    await using scene = await setUp()
    const { client } = scene
    const name = 'release-deploy'

    expect(await gather({ namespace, name: 'none', uid: scene.taskRun.metadata.uid }, client, signal)).toEqual({
      kind: 'unknown',
    })
    expect(await gather({ namespace, name, uid: 'another' }, client, signal)).toEqual({ kind: 'unknown' })
    expect(await gather({ namespace: 'other', name, uid: scene.taskRun.metadata.uid }, client, signal)).toEqual({
      kind: 'unknown',
    })
  })

  it.each(['taskruns', 'pipelineruns', 'customruns'])('does not guess while %s are not answered', async (resource) => {
    await using scene = await setUp()
    scene.kube.faults.next({ resource }, { kind: 'answer', status: 403 }, 10)

    await expect(scene.gather()).rejects.toThrow()
  })
})

function into(task: string) {
  const params = [{ name: 'into', value: [task] }]
  return { tasks: [{ ...tokenTask, params }, deploy, { name: task, runAfter: ['token'] }], spec: { params } }
}

function gateOnly() {
  const params = [{ name: 'deliver', value: 'none' }]
  return { tasks: [{ ...tokenTask, params }, deploy], spec: { params } }
}
