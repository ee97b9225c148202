import { type KubeClient, resources } from '../../../core/io/kube/api.ts'
import { resolveInto } from '../../../core/tekton/into.ts'
import { type PipelineRun, pipelineTaskOfChild } from '../../../core/tekton/pipeline-run.ts'
import { hasTaskRunEnded, parseTaskRun } from '../../../core/tekton/task-run.ts'
import type { Observed } from '../observed.ts'
import { paramsOf } from '../requests.ts'

/** The tasks that mount the Secret, as far as the run has come. */
interface Consumers {
  /** One of them has not begun. */
  readonly isAwaited: boolean
  /** Names of the TaskRuns of the others. */
  readonly taskRuns: readonly string[]
}

/** Whether a task that mounts the Secret is still to come or going on; only then its token is renewed. */
export async function areConsumersRunning(
  { customRun, owner }: Pick<Observed, 'customRun' | 'owner'>,
  kube: Pick<KubeClient, 'get'>,
  signal: AbortSignal,
): Promise<boolean> {
  if (owner.kind !== 'present') return false
  const { isAwaited, taskRuns } = consumersOf(customRun, owner.pipelineRun)
  if (isAwaited) return true
  const { namespace } = customRun.metadata
  for (const name of taskRuns) {
    const taskRun = parseTaskRun(await kube.get(resources.taskRuns, { namespace, name }, signal))
    if (taskRun !== undefined && !hasTaskRunEnded(taskRun)) return true
  }
  return false
}

function consumersOf(customRun: Observed['customRun'], pipelineRun: PipelineRun): Consumers {
  const { pipelineSpec, childReferences, skippedTasks } = pipelineRun.status
  const own = pipelineTaskOfChild(pipelineRun, { kind: 'CustomRun', name: customRun.metadata.name })
  if (pipelineSpec === undefined || own === undefined) return { isAwaited: false, taskRuns: [] }
  const into = resolveInto(pipelineSpec, own, paramsOf({ customRun }))
  const isSkipped = (task: string) => skippedTasks.some(({ name }) => name === task)
  const tasks = into.ok ? into.tasks.filter((task) => !isSkipped(task)) : []
  const childrenOf = (task: string) => childReferences.filter((child) => child.pipelineTaskName === task)
  return {
    isAwaited: tasks.some((task) => childrenOf(task).length === 0),
    taskRuns: tasks.flatMap(childrenOf).flatMap(({ name }) => name ?? []),
  }
}
