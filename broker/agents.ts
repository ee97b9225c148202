import { z } from 'zod'
import { name, subjectName } from '../core/crd/fields.ts'
import { type AgentNames, isNamedAgent } from '../core/policy/agents.ts'
import type { Gathered } from './known.ts'

const account = z.strictObject({
  cluster: name.optional().describe('Cluster of the ServiceAccount, by its name in clusters. Default: all of them.'),
  namespace: name.describe('Namespace of the ServiceAccount.'),
  serviceAccount: name.describe('ServiceAccount whose tokens are those of an agent, and whose runs are.'),
})

/** Part `agents` of the configuration. */
export const agentsConfig = z.strictObject({
  serviceAccounts: z.array(account).max(1024).default([]).describe('ServiceAccounts that are agents.'),
  groups: z
    .array(subjectName)
    .max(64)
    .default([])
    .describe('Groups whose ServiceAccounts are agents, such as system:serviceaccounts:bots.'),
  initiators: z.array(subjectName).max(1024).default([]).describe('User names whose runs are those of agents.'),
})

type AgentsConfig = z.output<typeof agentsConfig>

/** Adds to what was gathered that the configuration names an agent; it takes nothing away. */
export function createNameAgents({ serviceAccounts, groups, initiators }: AgentsConfig): (found: Gathered) => Gathered {
  const everywhere: AgentNames = { groups, initiators, serviceAccounts: namesIn(undefined) }
  const clusters = new Set(serviceAccounts.flatMap(({ cluster }) => cluster ?? []))
  const inCluster = new Map([...clusters].map((cluster) => [cluster, { serviceAccounts: namesIn(cluster) }]))

  function namesIn(wanted: string | undefined): readonly string[] {
    return serviceAccounts
      .filter(({ cluster }) => cluster === wanted)
      .map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`)
  }

  return function nameAgents(found) {
    const { facts } = found
    const own = inCluster.get(facts.subject.cluster)
    const isAgent = isNamedAgent(everywhere, facts) || (own !== undefined && isNamedAgent(own, facts))
    return isAgent ? { ...found, facts: { ...facts, agent: { namedBy: 'configuration' } } } : found
  }
}
