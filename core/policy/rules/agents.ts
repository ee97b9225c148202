import { isMadeByNobodyKnown, isNamedByRun } from '../agents.ts'
import type { Rule } from '../rule.ts'

const unknownMaker =
  'Nothing says who made this run, so it counts as that of an automated agent, for whom the policy has no block agents: start it again'

export const agents = {
  name: 'agents',
  explain: 'Whoever asks is no automated agent, or the policy has a block for agents.',
  check({ agent, policy, run }) {
    if (agent === undefined || policy.spec.agents !== undefined) return undefined
    if (!isNamedByRun(agent) && isMadeByNobodyKnown(run)) {
      const detail = `nothing says who made the run, and agents are named by: ${agent.namedBy}; the policy has no agents`
      return { reason: 'agent_not_allowed', detail, mend: unknownMaker }
    }
    return { reason: 'agent_not_allowed', detail: `an agent, as named by: ${agent.namedBy}; the policy has no agents` }
  },
} satisfies Rule
