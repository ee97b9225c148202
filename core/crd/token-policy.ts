import { z } from 'zod'
import { policyAgents } from './agent-fields.ts'
import { approvalFields } from './approval-fields.ts'
import { audience, duration, listMap, listSet, name, scopePattern, statusSchema } from './fields.ts'
import type { KindDefinition } from './kind.ts'
import { runFields } from './run-fields.ts'
import { approvalRule } from './spec-rules.ts'

const validation = z.strictObject({
  name: name.max(63).describe('Short name, shown in a refusal.'),
  expression: z.string().min(1).max(2048).describe('CEL expression that has to be true.'),
  message: z.string().min(1).max(256).describe('One sentence with the mend, shown in a refusal.'),
})

export const tokenPolicySpec = z
  .strictObject({
    providerRef: z
      .strictObject({ name: name.describe('Name of the ClusterTokenProvider.') })
      .default({ name: 'builtin' })
      .describe('The provider that issues the token. Default: builtin.'),
    audience: audience.describe('The one audience (or resource) that tokens under this policy are for.'),
    scopes: z
      .array(scopePattern)
      .min(1)
      .max(64)
      .meta(listSet)
      .describe(
        'Scopes that may be asked for, exact or with * for whole segments. Without a glob they are the default of a request that names the policy and no scope.',
      ),
    serviceAccounts: z
      .array(name)
      .min(1)
      .max(64)
      .meta(listSet)
      .optional()
      .describe('Narrows the policy to these ServiceAccounts. RBAC alone says who may exchange a scope.'),
    runs: runFields.optional().describe('What the run has to be.'),
    validations: z
      .array(validation)
      .min(1)
      .max(16)
      .meta(listMap('name'))
      .optional()
      .describe('CEL expressions that have to be true; an error in one is a refusal.'),
    ttl: duration.default('5m').describe('Longest life of a token under this policy, a Go duration. Default: 5m.'),
    approval: approvalFields.optional().describe('A person has to say yes to each run.'),
    agents: policyAgents
      .optional()
      .describe('Lets automated agents in, under narrower rules. Without this block they are refused.'),
    allowLongerUpstream: z
      .boolean()
      .default(false)
      .describe('Accepts that the provider cannot issue as short as ttl; the record says the true end.'),
    mode: z
      .enum(['Enforce', 'DryRun'])
      .default('Enforce')
      .describe('DryRun records what would have been granted and grants nothing.'),
    suspend: z.boolean().default(false).describe('True: nothing is issued under this policy from now on.'),
  })
  .describe('Under which conditions workloads of this namespace get a token.')

export type TokenPolicySpec = z.output<typeof tokenPolicySpec>

/** CEL rules on the spec of both kinds of policy. */
export const policyRules = [
  {
    rule: 'self.scopes.all(s, self.scopes.exists_one(t, t == s))',
    message: 'scopes must not repeat',
    fieldPath: '.scopes',
  },
  approvalRule,
] as const

/** Printer columns of both kinds of policy. */
export const policyColumns = [
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Provider', type: 'string', jsonPath: '.spec.providerRef.name' },
  { name: 'Audience', type: 'string', jsonPath: '.spec.audience' },
  { name: 'TTL', type: 'string', jsonPath: '.spec.ttl' },
  { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message', priority: 1 },
] as const

export const tokenPolicy = {
  kind: 'TokenPolicy',
  plural: 'tokenpolicies',
  singular: 'tokenpolicy',
  shortNames: ['tkp'],
  scope: 'Namespaced',
  spec: tokenPolicySpec,
  status: statusSchema,
  rules: policyRules,
  columns: policyColumns,
} as const satisfies KindDefinition
