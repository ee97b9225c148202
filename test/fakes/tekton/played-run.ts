import { type KubeObject, type Resource, resources } from '../../../core/io/kube/api.ts'
import { textAt } from '../kube/json.ts'
import type { FakeKube } from '../kube/server.ts'
import type { PipelineRunReconciler } from './pipeline-run.ts'
import { isDone, type PipelineRun } from './shapes.ts'
import type { TaskResult, TaskRunReconciler } from './task-run.ts'

/** The pod of a pipeline task, as the sidecar in it would see itself. */
export interface PlayedTask {
  readonly taskRun: KubeObject
  readonly pod: KubeObject
  /** The token that the kubelet would put into the pod. Life 3600 s by default. */
  projectedToken(audience: string, expirationSeconds?: number): string
}

/** One PipelineRun on its way. */
export interface PlayedRun {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** As it is now. */
  pipelineRun(): PipelineRun
  /** Resolves with the CustomRun of a pipeline task once it exists. @throws Error when the run ends without it */
  customRun(task: string, signal?: AbortSignal): Promise<KubeObject>
  /** Resolves once a pipeline task has its pod. @throws Error when the run ends without it */
  task(task: string, signal?: AbortSignal): Promise<PlayedTask>
  /** Resolves when the run is done, with its last state. */
  done(signal?: AbortSignal): Promise<PipelineRun>
  /** The task's steps have ended; its pod is Succeeded or Failed. Default: succeeded. @throws TypeError without a pod */
  finishTask(task: string, options?: { readonly succeeds?: boolean; readonly results?: readonly TaskResult[] }): void
  /** Marks the run done, whatever its tasks do. */
  finishRun(status: 'True' | 'False'): void
  /** As `tkn pipelinerun cancel`. */
  cancel(): void
  /** The run's time is up. */
  timeout(): void
}

export interface PlayedRunDeps {
  readonly kube: FakeKube
  readonly pipelineRuns: PipelineRunReconciler
  readonly taskRuns: TaskRunReconciler
}

export interface RunId {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

export function playedRun({ kube, pipelineRuns, taskRuns }: PlayedRunDeps, id: RunId): PlayedRun {
  const { objects } = kube
  let last: PipelineRun | undefined

  function pipelineRun(): PipelineRun {
    const found = objects.get<PipelineRun>(resources.pipelineRuns, id)
    if (found?.metadata.uid === id.uid) last = found
    if (last === undefined) throw new TypeError(`PipelineRun ${id.namespace}/${id.name} is gone`)
    return last
  }

  function child(kind: Resource, task: string): KubeObject | undefined {
    return objects.list(kind, id.namespace).find(({ metadata: { labels, ownerReferences } }) => {
      return labels?.['tekton.dev/pipelineTask'] === task && ownerReferences?.[0]?.uid === id.uid
    })
  }

  function podOf(taskRun: KubeObject | undefined): KubeObject | undefined {
    const name = textAt(taskRun, 'status', 'podName')
    return name === undefined ? undefined : objects.get(resources.pods, { namespace: id.namespace, name })
  }

  function played(task: string): PlayedTask | undefined {
    const taskRun = child(resources.taskRuns, task)
    const pod = podOf(taskRun)
    if (taskRun === undefined || pod === undefined) return undefined
    const place = { namespace: id.namespace, pod: pod.metadata.name }
    const serviceAccount = textAt(pod.spec, 'serviceAccountName') ?? 'default'
    return Object.freeze({
      taskRun,
      pod,
      projectedToken: (audience, expirationSeconds = 3600) =>
        kube.projectToken({ ...place, serviceAccount, audience, expirationSeconds }),
    } satisfies PlayedTask)
  }

  /** Looks again after every change until there is an answer or the run is over without one. */
  function until<T>(what: string, look: () => T | undefined, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const kinds = [resources.pipelineRuns, resources.taskRuns, resources.customRuns, resources.pods]
      const subscriptions = kinds.map((kind) => objects.watch(kind, check))
      const onAbort = () => settle(() => reject(signal?.reason))

      function settle(act: () => void): void {
        for (const unsubscribe of subscriptions) unsubscribe()
        signal?.removeEventListener('abort', onAbort)
        act()
      }

      function check(): void {
        const found = look()
        const run = pipelineRun()
        if (found !== undefined) settle(() => resolve(found))
        else if (isDone(run)) settle(() => reject(new Error(`the run ended without ${what}`, { cause: run.status })))
      }

      signal?.addEventListener('abort', onAbort)
      if (signal?.aborted === true) onAbort()
      else check()
    })
  }

  return Object.freeze({
    ...id,
    pipelineRun,
    customRun: (task, signal) => until(`a CustomRun for ${task}`, () => child(resources.customRuns, task), signal),
    task: (task, signal) => until(`a pod for ${task}`, () => played(task), signal),
    done: (signal) => until('an end', () => (isDone(pipelineRun()) ? pipelineRun() : undefined), signal),
    finishTask(task, { succeeds = true, results = [] } = {}) {
      const taskRun = child(resources.taskRuns, task)
      if (taskRun === undefined) throw new TypeError(`task ${task} has not started`)
      const succeeded = { status: 'True', reason: 'Succeeded', message: 'All Steps have completed executing' } as const
      const failed = { status: 'False', reason: 'Failed', message: '"step-unnamed-0" exited with code 1' } as const
      taskRuns.finish(taskRun, succeeds ? succeeded : failed, results)
    },
    finishRun(status) {
      const reason = status === 'True' ? 'Succeeded' : 'Failed'
      pipelineRuns.finish(pipelineRun(), { status, reason, message: `PipelineRun ${reason.toLowerCase()}` })
    },
    cancel() {
      objects.patch(resources.pipelineRuns, id, { spec: { status: 'Cancelled' } })
      pipelineRuns.stop(pipelineRun(), 'cancelled')
    },
    timeout: () => pipelineRuns.stop(pipelineRun(), 'timedOut'),
  } satisfies PlayedRun)
}
