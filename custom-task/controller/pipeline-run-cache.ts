import { apiGroupVersion } from '../../core/crd/kind.ts'
import { tokenExchangeKind } from '../../core/tekton/custom-run.ts'
import type { PipelineRun } from '../../core/tekton/pipeline-run.ts'
import type { PipelineTask } from '../../core/tekton/pipeline-spec.ts'

/** Whether CustomRuns of ours may belong to it: its pipeline asks for tokens, or is not known yet. */
export function asksForToken({ status }: PipelineRun): boolean {
  const spec = status.pipelineSpec
  return spec === undefined || [...spec.tasks, ...spec.finally].some(isTokenExchange)
}

function isTokenExchange({ taskRef, taskSpec }: PipelineTask): boolean {
  const type = taskRef ?? taskSpec
  return type?.apiVersion === apiGroupVersion && type.kind === tokenExchangeKind
}
