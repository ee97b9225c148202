import type { Rule } from '../rule.ts'

export const scopes = {
  name: 'scopes',
  explain: 'Every scope that is asked for is in the policy and exists at its provider.',
  check({ scopes: asked, policy, provider }) {
    const beyondPolicy = asked.filter((scope) => !policy.spec.scopes.includes(scope))
    if (beyondPolicy.length > 0) {
      return { reason: 'scope_not_allowed', detail: `not in the policy: ${beyondPolicy.join(' ')}` }
    }
    const unknown = asked.filter((scope) => !provider.spec.scopes.includes(scope))
    if (unknown.length > 0) {
      return { reason: 'scope_not_allowed', detail: `not at provider ${provider.name}: ${unknown.join(' ')}` }
    }
    return undefined
  },
} satisfies Rule
