import type { ProblemRow } from './row.ts'

/** What the narrower rules for automated agents refuse. */
export const agentProblems = {
  agent_not_allowed: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'This workload is an automated agent and the policy has no block agents for it: ask whoever writes the policy',
  },
  agent_scope_not_allowed: {
    oauth: 'invalid_scope',
    status: 400,
    outcome: 'denied',
    mend: 'Automated agents may not get a scope of this request: ask for less',
  },
  agent_budget_spent: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The budget for automated agents is spent: wait, or ask whoever writes the policy',
  },
} as const satisfies Readonly<Record<string, ProblemRow>>
