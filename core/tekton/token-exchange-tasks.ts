import { apiGroupVersion } from '../crd/kind.ts'
import { tokenExchangeKind } from './custom-run.ts'
import { tasksAfter } from './into.ts'
import type { PipelineRun } from './pipeline-run.ts'
import type { PipelineSpec, PipelineTask } from './pipeline-spec.ts'

/** Whether the task asks for a TokenExchange; an embedded spec of that kind is refused, so only references count. */
export function isTokenExchange({ taskRef }: PipelineTask): boolean {
  return taskRef?.apiVersion === apiGroupVersion && taskRef.kind === tokenExchangeKind
}

/** Names of the TokenExchange tasks that have run when this task runs. */
export function tokenExchangesBefore(spec: PipelineSpec, taskName: string): readonly string[] {
  return spec.tasks
    .filter((task) => isTokenExchange(task) && tasksAfter(spec, task.name).has(taskName))
    .map((task) => task.name)
}

/** Names of the CustomRuns that Tekton made of these pipeline tasks: one each, or one for each combination of a matrix. */
export function customRunsOf({ status }: PipelineRun, tasks: readonly string[]): readonly string[] {
  return status.childReferences
    .filter((child) => child.kind === 'CustomRun' && tasks.includes(child.pipelineTaskName ?? ''))
    .flatMap((child) => (child.name === undefined ? [] : [child.name]))
}
