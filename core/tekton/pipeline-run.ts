import { z } from 'zod'
import { conditions, isDone, list, metadata, optional, param, time } from './fields.ts'
import { parseGoDurationMs } from './go-duration.ts'
import { pipelineSpec } from './pipeline-spec.ts'
import { podTemplate, provenance, reachesIntoSteps, refParams } from './provenance.ts'
import { revokedBy } from './revocation.ts'

const pipelineRun = z.object({
  apiVersion: z.literal('tekton.dev/v1'),
  kind: z.literal('PipelineRun'),
  metadata,
  spec: z
    .object({
      pipelineRef: optional(
        z.object({ name: optional(z.string()), resolver: optional(z.string()), params: refParams }),
      ),
      params: list(param),
      taskRunTemplate: optional(z.object({ serviceAccountName: optional(z.string()), podTemplate })),
      taskRunSpecs: list(
        z.object({ pipelineTaskName: optional(z.string()), serviceAccountName: optional(z.string()), podTemplate }),
      ),
      timeouts: optional(
        z.object({ pipeline: optional(z.string()), tasks: optional(z.string()), finally: optional(z.string()) }),
      ),
      status: optional(z.string()),
    })
    .prefault({}),
  status: z
    .object({
      conditions,
      startTime: optional(time),
      completionTime: optional(time),
      pipelineSpec: optional(pipelineSpec),
      provenance,
      skippedTasks: list(z.object({ name: optional(z.string()) })),
      childReferences: list(
        z.object({ kind: optional(z.string()), name: optional(z.string()), pipelineTaskName: optional(z.string()) }),
      ),
    })
    .prefault({}),
})

/** The fields of a PipelineRun that we use, in Tekton's names. */
export type PipelineRun = z.output<typeof pipelineRun>

/** @returns undefined when the object is no PipelineRun of a shape that Tekton admits */
export function parsePipelineRun(object: unknown): PipelineRun | undefined {
  return pipelineRun.safeParse(object).data
}

/**
 * True once nothing may be issued to the run any more: it is done in whatever way, being deleted, or a person withdrew
 * what it was given.
 */
export function hasPipelineRunEnded({ metadata, status }: PipelineRun): boolean {
  if (metadata.deletionTimestamp !== undefined || revokedBy(metadata) !== undefined) return true
  return status.completionTime !== undefined || isDone(status.conditions)
}

/** When Tekton stops the run at the latest; undefined when it has not started or says no limit. */
export function pipelineRunDeadline({ spec, status }: PipelineRun): Date | undefined {
  const timeoutMs = parseGoDurationMs(spec.timeouts?.pipeline ?? '')
  if (status.startTime === undefined || timeoutMs === undefined || timeoutMs === 0) return undefined
  return new Date(status.startTime.getTime() + timeoutMs)
}

/**
 * Name of the pipeline task that a child was made for, from what Tekton's controller wrote into the status, never from
 * the child's labels.
 */
export function pipelineTaskOfChild(
  { status }: PipelineRun,
  child: { readonly kind: 'TaskRun' | 'CustomRun'; readonly name: string },
): string | undefined {
  return status.childReferences.find((one) => one.kind === child.kind && one.name === child.name)?.pipelineTaskName
}

/**
 * The ServiceAccount that a pipeline task runs as. Tekton's webhook writes its configured default into the PipelineRun;
 * where that is missing it is Kubernetes' own, `default`.
 */
export function effectiveServiceAccount({ spec }: PipelineRun, pipelineTask: string): string {
  // Tekton lets the last entry of a task win.
  const own = spec.taskRunSpecs.findLast((one) => one.pipelineTaskName === pipelineTask && one.serviceAccountName)
  return own?.serviceAccountName || spec.taskRunTemplate?.serviceAccountName || 'default'
}

/** Whether the run's author set a podTemplate that reaches into the steps of one of these pipeline tasks. */
export function hasPodTemplate({ spec }: PipelineRun, pipelineTasks: readonly string[]): boolean {
  const own = spec.taskRunSpecs.filter((one) => pipelineTasks.includes(one.pipelineTaskName ?? ''))
  return [spec.taskRunTemplate, ...own].some((one) => reachesIntoSteps(one?.podTemplate ?? []))
}
