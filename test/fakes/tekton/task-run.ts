import { rfc3339 } from '../../../core/clock.ts'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { textAt } from '../kube/json.ts'
import type { FakeKube } from '../kube/server.ts'
import { ApiError } from '../kube/status.ts'
import { podOf } from './pod.ts'
import { isDone, type Outcome } from './shapes.ts'

const tasks = { group: 'tekton.dev', version: 'v1', plural: 'tasks', isNamespaced: true }

export interface TaskResult {
  readonly name: string
  readonly value: string | readonly string[]
}

export interface TaskRunReconciler {
  /** Gives a new TaskRun its pod, and ends one that was cancelled. */
  reconcile(namespace: string, name: string): void
  /** What the kubelet and Tekton do when the last step ends. */
  finish(taskRun: KubeObject, outcome: Outcome, results?: readonly TaskResult[]): void
}

export interface TaskRunOptions {
  /** Node that pods are said to run on. */
  readonly node: string
}

/** What Tekton's TaskRun controller does; a pod is an object and nothing more. */
export function createTaskRunReconciler(
  { objects, clock }: Pick<FakeKube, 'objects' | 'clock'>,
  { node }: TaskRunOptions,
): TaskRunReconciler {
  function setStatus(taskRun: KubeObject, status: object): void {
    objects.patchStatus(resources.taskRuns, taskRun.metadata, status)
  }

  function condition({ status, reason, message }: Outcome): object {
    return { type: 'Succeeded', status, reason, message, lastTransitionTime: rfc3339(clock()) }
  }

  function start(taskRun: KubeObject): void {
    const { namespace = '' } = taskRun.metadata
    const reference = textAt(taskRun.spec, 'taskRef', 'name')
    const task = reference === undefined ? undefined : objects.get(tasks, { namespace, name: reference })
    const taskSpec = (taskRun.spec as { readonly taskSpec?: unknown }).taskSpec ?? task?.spec
    if (taskSpec === undefined) {
      finish(taskRun, { status: 'False', reason: 'TaskRunResolutionFailed', message: `task ${reference} not found` })
      return
    }
    const annotations = { ...task?.metadata.annotations, ...taskRun.metadata.annotations }
    const labels = { ...task?.metadata.labels, ...taskRun.metadata.labels }
    const withTask = { ...taskRun, metadata: { ...taskRun.metadata, annotations, labels } }
    const pod = createPod(withTask, taskSpec)
    if (pod === undefined) return
    objects.patch(resources.taskRuns, taskRun.metadata, { metadata: { annotations, labels } })
    setStatus(taskRun, {
      startTime: rfc3339(clock()),
      podName: pod.metadata.name,
      taskSpec,
      conditions: [condition({ status: 'Unknown', reason: 'Running', message: 'Not all Steps have completed' })],
    })
  }

  function createPod(taskRun: KubeObject, taskSpec: unknown): KubeObject | undefined {
    try {
      return objects.create(podOf(taskRun, taskSpec, node))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      finish(taskRun, { status: 'False', reason: 'PodCreationFailed', message: error.message })
      return undefined
    }
  }

  function podName(taskRun: KubeObject): string | undefined {
    return textAt(taskRun, 'status', 'podName')
  }

  function finish(taskRun: KubeObject, outcome: Outcome, results: readonly TaskResult[] = []): void {
    if (isDone(taskRun)) return
    const { namespace = '' } = taskRun.metadata
    const name = podName(taskRun)
    if (name !== undefined && objects.get(resources.pods, { namespace, name }) !== undefined) {
      const phase = outcome.status === 'True' ? 'Succeeded' : 'Failed'
      objects.patchStatus(resources.pods, { namespace, name }, { phase })
    }
    const typed = results.map((result) => ({ ...result, type: typeof result.value === 'string' ? 'string' : 'array' }))
    setStatus(taskRun, {
      completionTime: rfc3339(clock()),
      conditions: [condition(outcome)],
      ...(typed.length === 0 ? {} : { results: typed }),
    })
  }

  function cancel(taskRun: KubeObject): void {
    const { namespace = '', name } = taskRun.metadata
    const pod = podName(taskRun)
    const message = `TaskRun "${name}" was cancelled. ${textAt(taskRun.spec, 'statusMessage') ?? ''}`.trim()
    finish(taskRun, { status: 'False', reason: 'TaskRunCancelled', message })
    if (pod !== undefined && objects.get(resources.pods, { namespace, name: pod }) !== undefined) {
      objects.delete(resources.pods, { namespace, name: pod })
    }
  }

  return Object.freeze({
    reconcile(namespace, name) {
      const taskRun = objects.get(resources.taskRuns, { namespace, name })
      if (taskRun === undefined || isDone(taskRun) || taskRun.metadata.deletionTimestamp !== undefined) return
      if (textAt(taskRun.spec, 'status') === 'TaskRunCancelled') cancel(taskRun)
      else if (podName(taskRun) === undefined) start(taskRun)
    },
    finish,
  } satisfies TaskRunReconciler)
}
