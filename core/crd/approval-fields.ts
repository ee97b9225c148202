import { z } from 'zod'
import { duration, listSet, subjectName } from './fields.ts'

/** Who has to say yes, and how many of them. */
export const approvalFields = z.strictObject({
  groups: z
    .array(subjectName)
    .min(1)
    .max(16)
    .meta(listSet)
    .optional()
    .describe('Kubernetes groups whose members may decide. Default: whoever has the verbs approve and patch.'),
  required: z.int().min(1).max(10).default(1).describe('How many different people have to approve. Default: 1.'),
  expiresAfter: duration.default('30m').describe('How long the question stands, a Go duration. Default: 30m.'),
})

export type ApprovalFields = z.output<typeof approvalFields>
