import { z } from 'zod'
import { listAtomic, listSet } from './fields.ts'

const labelKey = z.string().min(1).max(317)
const labelValue = z.string().max(63)

/** A label selector on namespaces. @see https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ */
export const namespaceSelector = z.strictObject({
  matchLabels: z
    .record(labelKey, labelValue)
    .meta({ maxProperties: 16 })
    .optional()
    .describe('Labels that the namespace has to have, all of them.'),
  matchExpressions: z
    .array(
      z.strictObject({
        key: labelKey.describe('Name of the label.'),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How it is compared.'),
        values: z.array(labelValue).max(32).meta(listSet).optional().describe('What In and NotIn compare with.'),
      }),
    )
    .max(16)
    .meta(listAtomic)
    .optional()
    .describe('Conditions on labels, all of which have to hold.'),
})

export type NamespaceSelector = z.output<typeof namespaceSelector>
