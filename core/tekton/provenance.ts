import { z } from 'zod'
import { list, optional, param } from './fields.ts'

/** What a run's author writes in any form must not make the whole object unreadable: it then counts as absent. */
export const refParams = list(param).catch([])

/** What Tekton's resolver fetched; only Tekton's controller writes it. @see Tekton `RefSource` */
export const provenance = optional(
  z.object({
    refSource: optional(
      z.object({
        uri: optional(z.string()),
        digest: optional(z.record(z.string(), z.string())),
        entryPoint: optional(z.string()),
      }),
    ),
  }),
).catch(undefined)

export type Provenance = z.output<typeof provenance>

/** Settings of a pod that a run's author chooses. Kept by name only: what they say is not judged. */
export const podTemplate = optional(z.record(z.string(), z.unknown()))
  .catch({ unreadable: true })
  .transform((template) => (template === undefined ? [] : Object.keys(template)))

/** These say where a pod runs and who may pull its images; everything else reaches into its steps. */
const placement = new Set([
  'affinity',
  'imagePullSecrets',
  'nodeSelector',
  'priorityClassName',
  'tolerations',
  'topologySpreadConstraints',
])

/** Whether a podTemplate reaches into the steps, such as by variables, volumes or host names. */
export function reachesIntoSteps(template: readonly string[]): boolean {
  return template.some((field) => !placement.has(field))
}
