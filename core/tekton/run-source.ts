import type { PipelineRun } from './pipeline-run.ts'
import { findSource, localText, type SourceFinding } from './source.ts'
import { normalSourceUri } from './source-uri.ts'
import { substituteForReference } from './substitution.ts'
import type { TaskRun } from './task-run.ts'

/** Where the text of a run's pipeline came from. */
export function pipelineSource(run: PipelineRun): SourceFinding {
  const { resolver, params } = run.spec.pipelineRef ?? { resolver: undefined, params: [] }
  const substitute = substituteForReference(run)
  const replaced = params.map(({ name, value }) => ({ name, value: substitute(value) }))
  return findSource({ resolver, params: replaced }, run.status.provenance)
}

/**
 * Where the text of a TaskRun's task came from. A task that is written in the pipeline came with it; one that the
 * pipeline only names is whatever is stored under that name in the cluster.
 *
 * @param pipeline where the pipeline came from; undefined for a TaskRun that stands alone
 */
export function taskSource({ spec, status }: TaskRun, pipeline: SourceFinding | undefined): SourceFinding {
  const found = spec.taskRef === undefined ? (pipeline ?? localText) : findSource(spec.taskRef, status.provenance)
  if (found.source === undefined) return found
  if ((spec.taskSpec?.steps ?? []).some((step) => isLocalStep(step['ref']))) {
    return { kind: 'unknown', why: 'a step is a StepAction that is stored in the cluster' }
  }
  // Where Tekton resolved a StepAction it recorded where that came from.
  const uri = normalSourceUri(found.source.uri)
  const steps = status.steps.flatMap(({ provenance }) => provenance?.refSource?.uri ?? [])
  if (steps.every((one) => normalSourceUri(one) === uri)) return found
  return { kind: 'unknown', why: 'a step is a StepAction of another source' }
}

function isLocalStep(ref: unknown): boolean {
  return typeof ref === 'object' && ref !== null && !('resolver' in ref && ref.resolver)
}
