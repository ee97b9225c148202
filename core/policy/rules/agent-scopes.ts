import { agentBlocks } from '../agents.ts'
import type { Rule } from '../rule.ts'
import { matchesSomeScope } from '../scope-pattern.ts'

export const agentScopes = {
  name: 'agent-scopes',
  explain: 'An automated agent asks for no scope that policy or provider keep from agents.',
  check({ agent, policy, provider, scopes }) {
    if (agent === undefined) return undefined
    const kept = scopes.filter((scope) =>
      agentBlocks({ policy, provider }).some(
        ({ scopes: patterns }) => patterns !== undefined && !matchesSomeScope(patterns, scope),
      ),
    )
    if (kept.length === 0) return undefined
    return { reason: 'agent_scope_not_allowed', detail: `not for agents: ${kept.join(' ')}` }
  },
} satisfies Rule
