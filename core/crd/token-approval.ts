import { z } from 'zod'
import { audience, listAtomic, listMap, listSet, name, scope, statusSchema, subjectName } from './fields.ts'
import type { KindDefinition } from './kind.ts'

const objectName = z.string().min(1).max(253)
const uid = z.string().min(1).max(64)

/** What is asked for: the run authorisation, in the words of people. Nothing of it changes once it is written. */
const approvalRequest = z.strictObject({
  digest: z
    .string()
    .max(64)
    .regex(/^[0-9a-f]{64}$/)
    .describe('Hex SHA-256 of the run authorisation that is decided about.'),
  run: z
    .strictObject({
      kind: z.enum(['PipelineRun', 'TaskRun']).describe('Kind of the run.'),
      name: objectName.describe('Name of the run.'),
      uid: uid.describe('UID of the run.'),
    })
    .describe('The run, and no other.'),
  initiator: z
    .strictObject({
      username: subjectName.describe('User name of who started the run.'),
      uid: z.string().min(1).max(256).optional().describe('UID of that user, where there is one.'),
    })
    .optional()
    .describe('Who started the run, where that is known; may not decide.'),
  policy: z
    .strictObject({
      kind: z.enum(['TokenPolicy', 'ClusterTokenPolicy']).describe('Kind of the policy.'),
      name: name.describe('Name of the policy.'),
      uid: uid.describe('UID of the policy.'),
      generation: z.int().min(0).describe('Generation of the policy; a later one asks again.'),
    })
    .describe('The policy.'),
  provider: name.describe('The provider that will issue.'),
  audience: audience.describe('What the token is for.'),
  scopes: z.array(scope).min(1).max(64).meta(listSet).describe('What the token may do.'),
  ttlSeconds: z.int().min(1).describe('Longest life of one token, in seconds.'),
  into: z
    .array(
      z.strictObject({
        task: objectName.describe('Pipeline task.'),
        serviceAccount: objectName.describe('ServiceAccount that its pod runs as.'),
      }),
    )
    .max(256)
    .meta(listMap('task'))
    .describe('The tasks that get the token.'),
})

const requirement = z.strictObject({
  groups: z.array(subjectName).max(16).meta(listSet).optional().describe('Groups whose members count. Default: all.'),
  required: z.int().min(1).max(10).describe('How many different people have to approve.'),
})

const decision = z.strictObject({
  by: subjectName.describe('User name of who decides: the requesting user, nobody else.'),
  verdict: z.enum(['Approved', 'Rejected']).describe('One Rejected ends it.'),
  groups: z
    .array(subjectName)
    .max(16)
    .meta(listSet)
    .optional()
    .describe('Groups of the requirements that this person belongs to. Default: of every requirement.'),
  comment: z.string().max(1024).optional().describe('Why.'),
})

export const tokenApprovalSpec = z
  .strictObject({
    request: approvalRequest.describe('What is asked for.'),
    requirements: z.array(requirement).min(1).max(16).meta(listAtomic).describe('Who has to say yes: all of these.'),
    expiresAt: z.iso.datetime({ offset: true }).describe('When the question is over.'),
    decisions: z.array(decision).max(32).meta(listMap('by')).default([]).describe('What people said; only ever grows.'),
  })
  .describe('A question to a person about one run. Made by the broker; people add decisions.')

export type TokenApprovalSpec = z.output<typeof tokenApprovalSpec>

export const tokenApproval = {
  kind: 'TokenApproval',
  plural: 'tokenapprovals',
  singular: 'tokenapproval',
  shortNames: ['tka'],
  scope: 'Namespaced',
  spec: tokenApprovalSpec,
  status: statusSchema,
  rules: [],
  columns: [
    { name: 'Run', type: 'string', jsonPath: '.spec.request.run.name' },
    { name: 'Initiator', type: 'string', jsonPath: '.spec.request.initiator.username' },
    { name: 'Policy', type: 'string', jsonPath: '.spec.request.policy.name' },
    { name: 'Scopes', type: 'string', jsonPath: '.spec.request.scopes' },
    { name: 'State', type: 'string', jsonPath: '.status.conditions[?(@.type=="Decided")].reason' },
    { name: 'Expires', type: 'string', jsonPath: '.spec.expiresAt' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Audience', type: 'string', jsonPath: '.spec.request.audience', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Decided")].message', priority: 1 },
  ],
} as const satisfies KindDefinition
