import type { z } from 'zod'
import { statusSchema } from './fields.ts'
import type { KindDefinition } from './kind.ts'
import { namespaceSelector } from './namespace-selector.ts'
import { selectorRule } from './spec-rules.ts'
import { policyColumns, policyRules, tokenPolicySpec } from './token-policy.ts'

export const clusterTokenPolicySpec = tokenPolicySpec
  .extend({
    namespaceSelector: namespaceSelector
      .optional()
      .describe('Namespaces that the policy is for. Default: all of them.'),
  })
  .describe('A policy written once for many namespaces. A TokenPolicy of the same name comes before it.')

export type ClusterTokenPolicySpec = z.output<typeof clusterTokenPolicySpec>

export const clusterTokenPolicy = {
  kind: 'ClusterTokenPolicy',
  plural: 'clustertokenpolicies',
  singular: 'clustertokenpolicy',
  shortNames: ['ctkp'],
  scope: 'Cluster',
  spec: clusterTokenPolicySpec,
  status: statusSchema,
  rules: [...policyRules, selectorRule],
  columns: policyColumns,
} as const satisfies KindDefinition
