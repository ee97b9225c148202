import { z } from 'zod'
import { providerAgents } from './agent-fields.ts'
import { approvalFields } from './approval-fields.ts'
import { audience, duration, listAtomic, listMap, listSet, scopePattern, statusSchema } from './fields.ts'
import type { KindDefinition } from './kind.ts'
import { namespaceSelector } from './namespace-selector.ts'
import { requirementApprovalRule, requirementRule, selectorRule } from './spec-rules.ts'

const algorithm = z.enum(['RS256', 'ES256', 'EdDSA'])
const tokenType = z.enum(['at+jwt', 'JWT', 'none'])

export const builtinConfig = z
  .strictObject({
    algorithm: algorithm
      .default('RS256')
      .describe('Signature algorithm. ES256 is about twice as fast; RS256 is what every verifier takes.'),
    tokenType: tokenType
      .default('at+jwt')
      .describe('Header typ of the token; RFC 9068 says at+jwt, some verifiers want JWT or none.'),
    perAudience: z
      .array(
        z.strictObject({
          audience: audience.describe('The audience these settings are for.'),
          algorithm: algorithm.optional().describe('Signature algorithm for this audience.'),
          tokenType: tokenType.optional().describe('Header typ for this audience.'),
        }),
      )
      .max(64)
      .meta(listMap('audience'))
      .optional()
      .describe('Settings that differ by audience.'),
  })
  .describe('The issuer built into the broker.')

const requirement = z.strictObject({
  scopes: z
    .array(scopePattern)
    .min(1)
    .max(64)
    .meta(listSet)
    .optional()
    .describe('Scopes that this holds for, exact or with * for whole segments. Default: all.'),
  assurance: z.enum(['verified', 'claimed']).optional().describe('What the run has to be at least.'),
  approval: approvalFields.optional().describe('A person has to say yes to each run.'),
})

export const clusterTokenProviderSpec = z
  .strictObject({
    builtin: builtinConfig.optional(),
    audiences: z.array(audience).min(1).max(64).meta(listSet).describe('Audiences that this provider may issue for.'),
    scopes: z
      .array(scopePattern)
      .min(1)
      .max(256)
      .meta(listSet)
      .describe('Scopes that exist at this provider, exact or with * for whole segments.'),
    limits: z
      .strictObject({
        maxTTL: duration
          .default('15m')
          .describe('No token of this provider lives longer, a Go duration. Default: 15m.'),
        secretDelivery: z
          .boolean()
          .default(false)
          .describe('Whether tokens may be put into Secrets (deliver: secret).'),
        require: z
          .array(requirement)
          .min(1)
          .max(32)
          .meta(listAtomic)
          .optional()
          .describe('Conditions that hold for every policy of this provider.'),
        agents: providerAgents
          .optional()
          .describe('Names automated agents of all namespaces, and what holds for them under every policy.'),
      })
      .default({ maxTTL: '15m', secretDelivery: false })
      .describe('Hold for every policy: policies add up, limits never give way.'),
    namespaceSelector: namespaceSelector
      .optional()
      .describe('Namespaces whose policies may use the provider. Default: all of them.'),
    suspend: z.boolean().default(false).describe('True: nothing is issued by this provider from now on.'),
  })
  .describe('How to get tokens, what exists, and hard limits.')

export type ClusterTokenProviderSpec = z.output<typeof clusterTokenProviderSpec>
export type BuiltinConfig = z.output<typeof builtinConfig>

export const clusterTokenProvider = {
  kind: 'ClusterTokenProvider',
  plural: 'clustertokenproviders',
  singular: 'clustertokenprovider',
  shortNames: ['ctp'],
  scope: 'Cluster',
  spec: clusterTokenProviderSpec,
  status: statusSchema,
  rules: [
    { rule: 'has(self.builtin)', message: 'name exactly one provider: builtin', fieldPath: '' },
    requirementRule,
    requirementApprovalRule,
    selectorRule,
  ],
  columns: [
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: 'Suspended', type: 'boolean', jsonPath: '.spec.suspend' },
    { name: 'Max TTL', type: 'string', jsonPath: '.spec.limits.maxTTL' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Message', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message', priority: 1 },
  ],
} as const satisfies KindDefinition
