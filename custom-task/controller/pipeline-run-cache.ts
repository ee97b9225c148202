import { apiGroupVersion } from '../../core/crd/kind.ts'
import type { KubeObject } from '../../core/io/kube/api.ts'
import { tokenExchangeKind } from '../../core/tekton/custom-run.ts'
import { type PipelineRun, parsePipelineRun } from '../../core/tekton/pipeline-run.ts'
import type { PipelineTask } from '../../core/tekton/pipeline-spec.ts'

/**
 * What is kept of a PipelineRun: nothing when its pipeline is known and asks for no token, which is most of a cluster.
 */
export function keepPipelineRun(object: KubeObject): PipelineRun | undefined {
  const pipelineRun = parsePipelineRun(object)
  const spec = pipelineRun?.status.pipelineSpec
  if (spec === undefined) return pipelineRun
  return [...spec.tasks, ...spec.finally].some(asksForToken) ? pipelineRun : undefined
}

function asksForToken({ taskRef, taskSpec }: PipelineTask): boolean {
  const type = taskRef ?? taskSpec
  return type?.apiVersion === apiGroupVersion && type.kind === tokenExchangeKind
}
