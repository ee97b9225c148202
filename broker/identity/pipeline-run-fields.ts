import { noRun, type Run } from '../../core/identity/run.ts'
import { hasPipelineRunEnded, type PipelineRun, pipelineRunDeadline } from '../../core/tekton/pipeline-run.ts'
import { pipelineSource } from '../../core/tekton/run-source.ts'
import { triggerClaim } from '../../core/tekton/trigger.ts'

/** What a PipelineRun says of the run, whoever of its children asks. */
export function pipelineRunFields(pipelineRun: PipelineRun): Run {
  const { metadata, spec } = pipelineRun
  return {
    ...noRun,
    assurance: 'claimed',
    pipeline: spec.pipelineRef?.name,
    pipelineRun: { name: metadata.name, uid: metadata.uid },
    source: pipelineSource(pipelineRun).source,
    trigger: triggerClaim(metadata.labels),
    hasEnded: hasPipelineRunEnded(pipelineRun),
    deadline: pipelineRunDeadline(pipelineRun),
  }
}
