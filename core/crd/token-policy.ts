import { z } from 'zod'
import { audience, duration, listSet, name, scope, statusSchema } from './fields.ts'
import type { KindDefinition } from './kind.ts'

export const tokenPolicySpec = z
  .strictObject({
    providerRef: z
      .strictObject({ name: name.describe('Name of the ClusterTokenProvider.') })
      .default({ name: 'builtin' })
      .describe('The provider that issues the token. Default: builtin.'),
    audience: audience.describe('The one audience (or resource) that tokens under this policy are for.'),
    scopes: z
      .array(scope)
      .min(1)
      .max(64)
      .meta(listSet)
      .describe('Scopes that may be asked for; the default of a request that names the policy and no scope.'),
    serviceAccounts: z
      .array(name)
      .min(1)
      .max(64)
      .meta(listSet)
      .optional()
      .describe('Narrows the policy to these ServiceAccounts. RBAC alone says who may exchange a scope.'),
    ttl: duration.default('5m').describe('Longest life of a token under this policy, a Go duration. Default: 5m.'),
    mode: z
      .enum(['Enforce', 'DryRun'])
      .default('Enforce')
      .describe('DryRun records what would have been granted and grants nothing.'),
    suspend: z.boolean().default(false).describe('True: nothing is issued under this policy from now on.'),
  })
  .describe('Under which conditions workloads of this namespace get a token.')

export type TokenPolicySpec = z.output<typeof tokenPolicySpec>

export const tokenPolicy = {
  kind: 'TokenPolicy',
  plural: 'tokenpolicies',
  singular: 'tokenpolicy',
  shortNames: ['tkp'],
  scope: 'Namespaced',
  spec: tokenPolicySpec,
  status: statusSchema,
  rules: [
    {
      rule: 'self.scopes.all(s, self.scopes.exists_one(t, t == s))',
      message: 'scopes must not repeat',
      fieldPath: '.scopes',
    },
  ],
  columns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Provider', type: 'string', jsonPath: '.spec.providerRef.name' },
    { name: 'Audience', type: 'string', jsonPath: '.spec.audience' },
    { name: 'TTL', type: 'string', jsonPath: '.spec.ttl' },
    { name: 'Mode', type: 'string', jsonPath: '.spec.mode' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message', priority: 1 },
  ],
} as const satisfies KindDefinition
