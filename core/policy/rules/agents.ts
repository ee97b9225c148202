import type { Rule } from '../rule.ts'

export const agents = {
  name: 'agents',
  explain: 'Whoever asks is no automated agent, or the policy has a block for agents.',
  check({ agent, policy }) {
    if (agent === undefined || policy.spec.agents !== undefined) return undefined
    return { reason: 'agent_not_allowed', detail: `an agent, as named by: ${agent.namedBy}; the policy has no agents` }
  },
} satisfies Rule
