import { z } from 'zod'
import { conditions, isDone, list, metadata, optional, param, time } from './fields.ts'
import { parseGoDurationMs } from './go-duration.ts'
import { podTemplate, provenance, refParams } from './provenance.ts'
import { revokedBy } from './revocation.ts'
import { taskText } from './task-text.ts'

const taskRun = z.object({
  apiVersion: z.literal('tekton.dev/v1'),
  kind: z.literal('TaskRun'),
  metadata,
  spec: z
    .object({
      taskRef: optional(
        z.object({
          kind: optional(z.string()),
          name: optional(z.string()),
          resolver: optional(z.string()),
          params: refParams,
        }),
      ),
      taskSpec: taskText,
      params: list(param),
      serviceAccountName: optional(z.string()),
      podTemplate,
      timeout: optional(z.string()),
      status: optional(z.string()),
    })
    .prefault({}),
  status: z
    .object({
      conditions,
      podName: optional(z.string()),
      /** Earlier attempts, each with a pod of its own. */
      retriesStatus: list(z.object({ podName: optional(z.string()) })),
      /** As it runs: references resolved, params substituted. */
      taskSpec: taskText,
      provenance,
      /** What became of each step; a step that is a StepAction of another place says where that is. */
      steps: list(z.object({ provenance })).catch([]),
      startTime: optional(time),
      completionTime: optional(time),
    })
    .prefault({}),
})

/** The fields of a TaskRun that we use, in Tekton's names. */
export type TaskRun = z.output<typeof taskRun>

/** @returns undefined when the object is no TaskRun of a shape that Tekton admits */
export function parseTaskRun(object: unknown): TaskRun | undefined {
  return taskRun.safeParse(object).data
}

/**
 * True once nothing may be issued to the run any more: it is done in whatever way, being deleted, or a person withdrew
 * what it was given.
 */
export function hasTaskRunEnded({ metadata, status }: TaskRun): boolean {
  if (metadata.deletionTimestamp !== undefined || revokedBy(metadata) !== undefined) return true
  return status.completionTime !== undefined || isDone(status.conditions)
}

/** When Tekton stops the run at the latest; undefined when it has not started or says no limit. */
export function taskRunDeadline({ spec, status }: TaskRun): Date | undefined {
  const timeoutMs = parseGoDurationMs(spec.timeout ?? '')
  if (status.startTime === undefined || timeoutMs === undefined || timeoutMs === 0) return undefined
  return new Date(status.startTime.getTime() + timeoutMs)
}
