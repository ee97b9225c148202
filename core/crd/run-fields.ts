import { z } from 'zod'
import { listAtomic, listMap, listSet, name } from './fields.ts'

const source = z.strictObject({
  uri: z
    .string()
    .min(1)
    .max(512)
    // A query may hold a credential, so the broker shows none of a source; two that differ in it alone would be one.
    .regex(/^[^?#\s]+$/, 'expected a URI without query, fragment and spaces')
    .describe(
      'Where the text comes from, as Tekton records it, such as git+https://github.com/acme/pipelines.git. Without query and fragment.',
    ),
  revisions: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(16)
    .meta(listSet)
    .optional()
    .describe('Revisions that were asked for, exact: a branch, a tag or a commit. Default: any.'),
  entryPoints: z
    .array(z.string().min(1).max(512))
    .min(1)
    .max(16)
    .meta(listSet)
    .optional()
    .describe('Files in it, exact. Default: any.'),
})

/** What a run must be. */
export const runFields = z.strictObject({
  assurance: z
    .enum(['verified', 'claimed'])
    .optional()
    .describe('verified: every step from pod to run and its admission was proved. claimed: a run that Tekton made.'),
  source: z
    .array(source)
    .min(1)
    .max(16)
    .meta(listAtomic)
    .optional()
    .describe('Where pipeline and task come from: one of these for both. Implies podTemplate: Deny.'),
  pipelines: z
    .array(name)
    .min(1)
    .max(64)
    .meta(listSet)
    .optional()
    .describe('Names of Pipelines. A name alone controls nothing: whoever may create Pipelines may choose it.'),
  eventListeners: z
    .array(
      z.strictObject({
        namespace: name.describe('Namespace of the EventListener.'),
        name: name.describe('Name of the EventListener.'),
      }),
    )
    .min(1)
    .max(16)
    .meta(listMap('namespace', 'name'))
    .optional()
    .describe('The run was started by an event whose sender the broker verified, through one of these.'),
  podTemplate: z
    .enum(['Allow', 'Deny'])
    .optional()
    .describe('Deny: the run sets no podTemplate. Default: Allow, and Deny where source is given.'),
})

export type RunFields = z.output<typeof runFields>
