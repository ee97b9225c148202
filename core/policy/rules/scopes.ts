import type { Rule } from '../rule.ts'
import { matchesSomeScope } from '../scope-pattern.ts'

export const scopes = {
  name: 'scopes',
  explain: 'Every scope that is asked for is in the policy and exists at its provider.',
  check({ scopes: asked, policy, provider }) {
    if (asked.length === 0) {
      return {
        reason: 'scope_not_allowed',
        detail: 'the request names no scope and a policy with a glob has no default',
        mend: 'The policy has no default scopes, as it lists some with *: name the scopes in parameter scope',
      }
    }
    const beyondPolicy = asked.filter((scope) => !matchesSomeScope(policy.spec.scopes, scope))
    if (beyondPolicy.length > 0) {
      return { reason: 'scope_not_allowed', detail: `not in the policy: ${beyondPolicy.join(' ')}` }
    }
    const unknown = asked.filter((scope) => !matchesSomeScope(provider.spec.scopes, scope))
    if (unknown.length > 0) {
      return { reason: 'scope_not_allowed', detail: `not at provider ${provider.name}: ${unknown.join(' ')}` }
    }
    return undefined
  },
} satisfies Rule
