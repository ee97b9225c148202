import { z } from 'zod'
import { duration, listSet, scopePattern, subjectName } from './fields.ts'

/** What holds for automated agents beside everything that holds for all. */
export const agentRules = {
  approval: z
    .enum(['Always', 'AsPolicy'])
    .default('Always')
    .describe('Always: a person decides about every run of an agent. AsPolicy: only where all others are asked too.'),
  ttl: duration.optional().describe('Longest life of a token of an agent, a Go duration.'),
  scopes: z.array(scopePattern).min(1).max(64).meta(listSet).optional().describe('Narrows the scopes for agents.'),
  budgetPerRun: z.int().min(1).max(10_000).optional().describe('Most grants in one run; renewals are not counted.'),
  budgetPerHour: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe('Most grants in any hour to one ServiceAccount; renewals are not counted.'),
}

/** Users (persons or ServiceAccounts) whose runs are those of agents. */
const initiators = z
  .array(subjectName)
  .min(1)
  .max(64)
  .meta(listSet)
  .optional()
  .describe('User names that create runs for agents.')

const groups = z
  .array(subjectName)
  .min(1)
  .max(16)
  .meta(listSet)
  .optional()
  .describe('Groups whose ServiceAccounts are agents, such as system:serviceaccounts:bots.')

/** `agents` of a policy: names them in its namespace, and lets them in. */
export const policyAgents = z.strictObject({
  serviceAccounts: z
    .array(z.string().min(1).max(253))
    .min(1)
    .max(64)
    .meta(listSet)
    .optional()
    .describe('ServiceAccounts of this namespace that are agents.'),
  groups,
  initiators,
  ...agentRules,
})

/** `limits.agents` of a provider: names them in all namespaces, and restricts them under every policy. */
export const providerAgents = z.strictObject({
  serviceAccounts: z
    .array(
      z
        .string()
        .min(3)
        .max(317)
        .regex(/^[a-z0-9][-a-z0-9]*\/[a-z0-9][-a-z0-9.]*$/),
    )
    .min(1)
    .max(64)
    .meta(listSet)
    .optional()
    .describe('ServiceAccounts that are agents, <namespace>/<name>.'),
  groups,
  initiators,
  ...agentRules,
  approval: agentRules.approval.default('AsPolicy'),
})

export type PolicyAgents = z.output<typeof policyAgents>
export type ProviderAgents = z.output<typeof providerAgents>
