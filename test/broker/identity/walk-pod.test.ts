import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { walkPod } from '../../../broker/identity/walk-pod.ts'
import { noRun } from '../../../core/identity/run.ts'
import type { WorkloadClaims } from '../../../core/identity/workload.ts'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { rejection } from '../../core/reason-of.ts'
import { createPod, namespace, signal, startWorld, type World } from './identity-fixture.ts'
import {
  createPipelineRun,
  createRun,
  createTaskRun,
  ensureAccount,
  failed,
  ownedBy,
  rolloutPod,
  startDeleting,
  succeeded,
  tokenTask,
  workloadOf,
} from './run-fixture.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

async function walk(pod: KubeObject, changes: Partial<WorkloadClaims> = {}) {
  const { run } = await walkPod(workloadOf(pod, changes), world.client, signal)
  return run
}

const ended = { ...noRun, hasEnded: true }

const provedHops = (...hops: readonly string[]) => hops.map((hop) => ({ hop, verdict: 'proved' }))

/** No run, and the hop where the walk ended. */
const noRunAt = (hop: string) => ({
  ...noRun,
  evidence: [{ hop, verdict: 'claimed', detail: expect.any(String) }],
})

describe('walkPod', () => {
  it('finds the run of a pipeline task', async () => {
    const { pipelineRun, taskRun, pod } = createRun(world.kube)

    expect(await walk(pod)).toEqual({
      ...noRun,
      assurance: 'claimed',
      pipeline: 'release',
      pipelineRun: { name: pipelineRun.metadata.name, uid: pipelineRun.metadata.uid },
      task: 'deploy',
      taskRun: { name: taskRun.metadata.name, uid: taskRun.metadata.uid },
      deadline: new Date('2026-03-01T13:00:00Z'),
      evidence: provedHops('pod', 'task-run', 'pipeline-run', 'pipeline-task', 'images', 'times'),
    })
  })

  it.each(['pipelineRun', 'taskRun', 'pod'] as const)(
    'hears of an agent from an annotation of the %s',
    async (part) => {
      const parts = { [part]: { metadata: { annotations: { 'tokenbroker.dev/agent': 'true' } } } }

      expect((await walk(createRun(world.kube, parts).pod)).isMarkedAgent).toBe(true)
      expect((await walk(createRun(world.kube).pod)).isMarkedAgent).toBe(false)
    },
  )

  it('takes the earlier deadline of task and pipeline', async () => {
    const { pod } = createRun(world.kube, { taskRun: { spec: { timeout: '10m' } } })

    expect((await walk(pod)).deadline).toEqual(new Date('2026-03-01T12:10:00Z'))
  })

  it('knows no deadline where Tekton says none', async () => {
    const { pod } = createRun(world.kube, { pipelineRun: { spec: { timeouts: { pipeline: '0' } } } })

    expect((await walk(pod)).deadline).toBeUndefined()
  })

  it('finds a TaskRun that stands alone', async () => {
    const taskRun = createTaskRun(world.kube, 'alone', { spec: { timeout: '5m' } })
    const pod = createPod(world.kube, 'alone-pod', { metadata: ownedBy(taskRun), spec: rolloutPod })

    expect(await walk(pod)).toEqual({
      ...noRun,
      assurance: 'claimed',
      taskRun: { name: 'alone', uid: taskRun.metadata.uid },
      deadline: new Date('2026-03-01T12:05:00Z'),
      evidence: provedHops('pod', 'task-run', 'images', 'times'),
    })
  })

  it('takes an empty ServiceAccount of a TaskRun for the default one', async () => {
    const taskRun = createTaskRun(world.kube, 'defaulted', { spec: { serviceAccountName: '' } })
    const pod = createPod(world.kube, 'defaulted-pod', {
      metadata: ownedBy(taskRun),
      spec: { serviceAccountName: 'default' },
    })

    const run = await walk(pod, { serviceAccount: { name: 'default', uid: 'x' } })

    expect(run.taskRun?.name).toBe('defaulted')
  })

  it('walks past a pod that waits for its first container', async () => {
    const { pod } = createRun(world.kube, { pod: { status: { phase: 'Pending' } } })

    expect((await walk(pod)).task).toBe('deploy')
  })

  describe('sees the end of', () => {
    it.each([
      ['the PipelineRun by its condition', { pipelineRun: { status: { conditions: succeeded } } }],
      ['a PipelineRun that failed', { pipelineRun: { status: { conditions: failed } } }],
      [
        'the PipelineRun by its completion time',
        { pipelineRun: { status: { completionTime: '2026-03-01T12:30:00Z' } } },
      ],
      ['the TaskRun by its condition', { taskRun: { status: { conditions: failed } } }],
      ['the TaskRun by its completion time', { taskRun: { status: { completionTime: '2026-03-01T12:30:00Z' } } }],
    ])('%s', async (_what, parts) => {
      const { pod } = createRun(world.kube, parts)
      const run = await walk(pod)

      expect(run.hasEnded).toBe(true)
      expect(run.task).toBe('deploy')
    })

    it.each(['pipelineRuns', 'taskRuns'] as const)('one of the %s that is being deleted', async (which) => {
      const { pipelineRun, taskRun, pod } = createRun(world.kube)
      startDeleting(world.kube, resources[which], which === 'taskRuns' ? taskRun : pipelineRun)

      expect((await walk(pod)).hasEnded).toBe(true)
    })

    it('a TaskRun that stands alone', async () => {
      const taskRun = createTaskRun(world.kube, 'over', { status: { conditions: succeeded } })
      const pod = createPod(world.kube, 'over-pod', { metadata: ownedBy(taskRun) })

      expect((await walk(pod)).hasEnded).toBe(true)
    })

    it('a run whose PipelineRun is gone while its pod is not yet', async () => {
      const { pod } = createRun(world.kube, {
        taskRun: {
          metadata: {
            ownerReferences: [
              { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', name: 'gone', uid: randomUUID(), controller: true },
            ],
          },
        },
      })

      expect(await walk(pod)).toEqual(ended)
    })

    it('a run whose TaskRun is gone while its pod is not yet', async () => {
      const owner = { apiVersion: 'tekton.dev/v1', kind: 'TaskRun', name: 'gone', uid: randomUUID(), controller: true }
      const pod = createPod(world.kube, 'of-gone', { metadata: { ownerReferences: [owner] } })

      expect(await walk(pod)).toEqual(ended)
    })

    it.each(['tekton.dev/pipelineRun', 'tekton.dev/pipelineRunUID'])(
      'a run that was deleted without its TaskRuns, told by their label %s: none of them stands alone',
      async (key) => {
        const { pod } = createRun(world.kube, {
          taskRun: { metadata: { ownerReferences: [], labels: { [key]: 'release-1' } } },
        })

        expect(await walk(pod)).toEqual(ended)
      },
    )

    it('a TaskRun that was deleted without its pod: it is no pod of its own, and its labels give it no run', async () => {
      const { taskRun } = createRun(world.kube)
      const labels = { 'tekton.dev/taskRun': taskRun.metadata.name }
      const pod = createPod(world.kube, `orphan-${randomUUID()}`, { metadata: { labels } })

      expect(await walk(pod)).toEqual(ended)
    })

    it('a TaskRun that was made again under the same name', async () => {
      const name = `again-${randomUUID()}`
      const taskRun = createTaskRun(world.kube, name)
      const pod = createPod(world.kube, `${name}-pod`, { metadata: ownedBy(taskRun, { uid: randomUUID() }) })

      expect(await walk(pod)).toEqual(ended)
    })

    it('a PipelineRun that was made again under the same name', async () => {
      const pipelineRun = createPipelineRun(world.kube, 'twice')
      const taskRun = createTaskRun(world.kube, 'twice-deploy', {
        metadata: ownedBy(pipelineRun, { uid: randomUUID() }),
      })
      const pod = createPod(world.kube, 'twice-deploy-pod', { metadata: ownedBy(taskRun) })

      expect(await walk(pod)).toEqual(ended)
    })
  })

  describe('believes no', () => {
    it('labels', async () => {
      const { pipelineRun } = createRun(world.kube)
      const labels = {
        'tekton.dev/pipelineRun': pipelineRun.metadata.name,
        'tekton.dev/pipelineTask': 'deploy',
      }
      const pod = createPod(world.kube, `forged-${randomUUID()}`, { metadata: { labels } })

      expect(await walk(pod)).toEqual(noRunAt('pod'))
    })

    it('labels on the way, only what the PipelineRun lists', async () => {
      const labels = { 'tekton.dev/pipelineTask': 'release-manager' }
      const { pod } = createRun(world.kube, { taskRun: { metadata: { labels } }, pod: { metadata: { labels } } })

      expect((await walk(pod)).task).toBe('deploy')
    })

    it('ownerReference to a TaskRun that names another pod', async () => {
      const { taskRun } = createRun(world.kube)
      const pod = createPod(world.kube, `forged-${randomUUID()}`, { metadata: ownedBy(taskRun) })

      expect(await walk(pod)).toEqual(noRunAt('task-run'))
    })

    it('ownerReference that is not the controller', async () => {
      const name = `release-${randomUUID()}`
      const taskRun = createTaskRun(world.kube, name)
      const pod = createPod(world.kube, `${name}-pod`, { metadata: ownedBy(taskRun, { controller: false }) })

      expect(await walk(pod)).toEqual(noRunAt('pod'))
    })

    it.each([
      { kind: 'CustomRun' },
      { kind: 'Job', apiVersion: 'batch/v1' },
      { apiVersion: 'tekton.dev/v1beta1' },
      { apiVersion: 'example.com/v1' },
    ])('owner of another type: %j', async (type) => {
      const name = `release-${randomUUID()}`
      const taskRun = createTaskRun(world.kube, name)
      const pod = createPod(world.kube, `${name}-pod`, { metadata: ownedBy(taskRun, type) })

      expect(await walk(pod)).toEqual(noRunAt('pod'))
    })

    it('TaskRun of another ServiceAccount', async () => {
      ensureAccount(world.kube, 'admin')
      const { pod } = createRun(world.kube, { taskRun: { spec: { serviceAccountName: 'admin' } } })

      expect(await walk(pod)).toEqual(noRunAt('task-run'))
    })

    it('TaskRun that names a PipelineRun as an owner that is not its controller', async () => {
      const pipelineRun = createPipelineRun(world.kube, `owner-${randomUUID()}`)
      const { pod } = createRun(world.kube, { taskRun: { metadata: ownedBy(pipelineRun, { controller: false }) } })

      expect(await walk(pod)).toEqual(noRunAt('task-run'))
    })

    it('TaskRun whose owner is no PipelineRun', async () => {
      const other = createTaskRun(world.kube, `parent-${randomUUID()}`)
      const { pod } = createRun(world.kube, { taskRun: { metadata: ownedBy(other) } })

      expect(await walk(pod)).toEqual(noRunAt('task-run'))
    })
  })

  describe('keeps as a claim', () => {
    it.each<[string, string, Parameters<typeof createRun>[1]]>([
      [
        'another image in a step',
        'images',
        { pod: { spec: { containers: [{ name: 'step-rollout', image: 'evil' }] } } },
      ],
      [
        'an ephemeral container',
        'images',
        { pod: { spec: { ...rolloutPod, ephemeralContainers: [{ name: 'debugger', image: 'evil' }] } } },
      ],
      ['a TaskRun that does not say what it runs', 'images', { taskRun: { status: { taskSpec: null } } }],
      ['a pod from before the start', 'times', { taskRun: { status: { startTime: '2026-03-01T12:00:03Z' } } }],
      ['a TaskRun from before the start', 'times', { pipelineRun: { status: { startTime: '2026-03-01T12:00:03Z' } } }],
      ['a run that does not say when it started', 'times', { pipelineRun: { status: { startTime: null } } }],
    ])('%s', async (_what, hop, parts) => {
      const { evidence, task } = await walk(createRun(world.kube, parts).pod)

      expect(evidence.filter(({ verdict }) => verdict === 'claimed')).toEqual([
        { hop, verdict: 'claimed', detail: expect.any(String) },
      ])
      expect(task).toBe('deploy')
    })

    it('forgives clocks that differ by two seconds', async () => {
      const { pod } = createRun(world.kube, { pipelineRun: { status: { startTime: '2026-03-01T12:00:02Z' } } })

      expect((await walk(pod)).evidence).toContainEqual({ hop: 'times', verdict: 'proved' })
    })

    it('a TaskRun that is not what the pipeline says: a part of the run, and none of its tasks', async () => {
      const { pod, taskRun, pipelineRun } = createRun(world.kube, {
        taskRun: { spec: { taskRef: { kind: 'Task', name: 'evil' } } },
      })

      const run = await walk(pod)

      expect(run).toMatchObject({ assurance: 'claimed', task: undefined, taskRun: { uid: taskRun.metadata.uid } })
      expect(run.pipelineRun?.uid).toBe(pipelineRun.metadata.uid)
      expect(run.evidence).toContainEqual({
        hop: 'pipeline-task',
        verdict: 'claimed',
        detail: 'differs in spec.taskRef.name',
      })
    })
  })

  describe('says of a run', () => {
    const git = (path: string) => ({
      resolver: 'git',
      params: [
        { name: 'url', value: 'https://git.example/acme/x' },
        { name: 'revision', value: 'main' },
        { name: 'pathInRepo', value: path },
      ],
    })
    const provenance = (entryPoint: string) => ({ refSource: { uri: 'git+https://git.example/acme/x', entryPoint } })
    const uri = 'git+https://git.example/acme/x'

    it('where Pipeline and Task came from', async () => {
      const taskRef = git('task.yaml')
      const pipelineSpec = { tasks: [tokenTask, { name: 'deploy', taskRef }] }
      const { pod } = createRun(world.kube, {
        pipelineRun: {
          spec: { pipelineRef: git('release.yaml') },
          status: { pipelineSpec, provenance: provenance('release.yaml') },
        },
        taskRun: { spec: { taskRef }, status: { provenance: provenance('task.yaml') } },
      })

      const run = await walk(pod)

      expect(run.source).toEqual({ uri, entryPoint: 'release.yaml', revision: 'main', digest: undefined })
      expect(run.taskSource).toMatchObject({ uri, entryPoint: 'task.yaml', revision: 'main' })
      expect(run.evidence).toEqual(expect.arrayContaining(provedHops('source', 'task-source', 'pipeline-task')))
    })

    it('that its Pipeline came from somewhere and its Task is stored in the namespace', async () => {
      const { pod } = createRun(world.kube, {
        pipelineRun: {
          spec: { pipelineRef: git('release.yaml') },
          status: { provenance: provenance('release.yaml') },
        },
      })

      const run = await walk(pod)

      expect(run.source).toMatchObject({ uri })
      expect(run.taskSource).toBeUndefined()
      expect(run.evidence).toContainEqual(expect.objectContaining({ hop: 'task-source', verdict: 'claimed' }))
    })

    it('where the Task of a TaskRun that stands alone came from', async () => {
      const spec = { taskRef: git('task.yaml') }
      const status = { provenance: provenance('task.yaml') }
      const taskRun = createTaskRun(world.kube, `alone-${randomUUID()}`, { spec, status })
      const pod = createPod(world.kube, `${taskRun.metadata.name}-pod`, {
        metadata: ownedBy(taskRun),
        spec: rolloutPod,
      })

      const run = await walk(pod)

      expect(run.source).toBeUndefined()
      expect(run.taskSource).toMatchObject({ uri, entryPoint: 'task.yaml' })
    })

    const env = { podTemplate: { env: [{ name: 'A', value: 'b' }] } }
    it.each<[string, Parameters<typeof createRun>[1], boolean]>([
      ['the TaskRun', { taskRun: { spec: env } }, true],
      ['the run', { pipelineRun: { spec: { taskRunTemplate: { serviceAccountName: 'deployer', ...env } } } }, true],
      ['the task', { pipelineRun: { spec: { taskRunSpecs: [{ pipelineTaskName: 'deploy', ...env }] } } }, true],
      ['another task', { pipelineRun: { spec: { taskRunSpecs: [{ pipelineTaskName: 'token', ...env }] } } }, false],
    ])('whether a podTemplate is set for %s', async (_what, parts, expected) => {
      const spec = { taskRunTemplate: { serviceAccountName: 'deployer' }, ...parts?.pipelineRun?.spec }
      const { pod } = createRun(world.kube, { ...parts, pipelineRun: { spec } })

      expect((await walk(pod)).hasPodTemplate).toBe(expected)
    })

    it('what its labels say of a trigger', async () => {
      const labels = { 'triggers.tekton.dev/trigger': 'push', 'triggers.tekton.dev/triggers-eventid': 'e1' }
      const { pod } = createRun(world.kube, { pipelineRun: { metadata: { labels } } })
      const onThePodOnly = createRun(world.kube, { pod: { metadata: { labels } } })

      expect((await walk(pod)).trigger).toEqual({ eventListener: '', trigger: 'push', eventId: 'e1' })
      expect((await walk(onThePodOnly.pod)).trigger).toBeUndefined()
    })
  })

  describe('a link that has one end only', () => {
    it('asks to come again for a TaskRun that names its PipelineRun while that does not list it', async () => {
      const { pod } = createRun(world.kube, { pipelineRun: { status: { childReferences: [] } } })

      expect(await rejection(walk(pod))).toMatchObject({ reason: 'run_unsettled' })
    })
    it('asks to come again for a list of children that has another kind under the name', async () => {
      const name = `release-${randomUUID()}`
      const childReferences = [{ kind: 'CustomRun', name: `${name}-deploy`, pipelineTaskName: 'deploy' }]
      const pipelineRun = createPipelineRun(world.kube, name, { status: { childReferences } })
      const taskRun = createTaskRun(world.kube, `${name}-deploy`, { metadata: ownedBy(pipelineRun) })
      const pod = createPod(world.kube, `${name}-deploy-pod`, { metadata: ownedBy(taskRun) })

      expect(await rejection(walk(pod))).toMatchObject({ reason: 'run_unsettled' })
    })
    it('asks to come again for a TaskRun that has not named its pod yet', async () => {
      const { pod } = createRun(world.kube, { taskRun: { status: { podName: '' } } })

      expect(await rejection(walk(pod))).toMatchObject({ reason: 'run_unsettled' })
    })
  })

  describe('refuses', () => {
    it.each<[string, string, Partial<WorkloadClaims>]>([
      ['another pod of the name', 'workload_gone', { pod: { name: '', uid: randomUUID() } }],
      [
        'a pod that runs as another ServiceAccount',
        'workload_mismatch',
        { serviceAccount: { name: 'admin', uid: 'x' } },
      ],
      ['a pod on another node', 'workload_mismatch', { node: { name: 'node2' } }],
    ])('%s', async (_what, reason, changes) => {
      const { pod } = createRun(world.kube)
      const claims = changes.pod === undefined ? changes : { pod: { ...changes.pod, name: pod.metadata.name } }

      expect((await rejection(walk(pod, claims))).reason).toBe(reason)
    })

    it('a pod that does not exist', async () => {
      const { pod } = createRun(world.kube)

      const problem = await rejection(walk(pod, { pod: { name: 'nobody', uid: pod.metadata.uid } }))

      expect(problem.reason).toBe('workload_gone')
    })

    it('a pod of another namespace', async () => {
      const { pod } = createRun(world.kube)

      expect((await rejection(walk(pod, { namespace: 'other' }))).reason).toBe('workload_gone')
    })

    it.each(['Succeeded', 'Failed'])('a pod that has %s', async (phase) => {
      const { pod } = createRun(world.kube, { pod: { status: { phase } } })

      expect((await rejection(walk(pod))).reason).toBe('workload_gone')
    })

    it('a pod that is being deleted', async () => {
      const { pod } = createRun(world.kube)
      startDeleting(world.kube, resources.pods, pod)

      expect((await rejection(walk(pod))).reason).toBe('workload_gone')
    })
  })

  it('does without a node where the token names none', async () => {
    const { pod } = createRun(world.kube)

    expect((await walk(pod, { node: undefined })).task).toBe('deploy')
  })

  it.each(['pods', 'taskruns', 'pipelineruns'])('fails when reading %s gets no answer', async (resource) => {
    const { pod } = createRun(world.kube)
    world.kube.faults.next({ resource, namespace }, { kind: 'cut' }, 20)

    const problem = await rejection(walk(pod))
    world.kube.faults.clear()

    expect(problem).toMatchObject({ reason: 'kubernetes_unavailable', detail: `reading ${resource} got no answer` })
  })

  it.each(['pods', 'taskruns', 'pipelineruns'])(
    'names the broker itself when reading %s is refused',
    async (resource) => {
      const { pod } = createRun(world.kube)
      world.kube.faults.next({ resource, namespace }, { kind: 'answer', status: 403 }, 20)

      const problem = await rejection(walk(pod))
      world.kube.faults.clear()

      expect(problem).toMatchObject({ reason: 'kubernetes_refused', detail: `reading ${resource} was refused (403)` })
    },
  )
})
