import type { Rule } from '../rule.ts'

export const audience = {
  name: 'audience',
  explain: 'The policy is for this audience and its provider issues for it.',
  check({ request, policy, provider }) {
    if (request.audience !== undefined && request.audience !== policy.spec.audience) {
      return { reason: 'audience_not_allowed', detail: 'the policy is for another audience' }
    }
    if (!provider.spec.audiences.includes(policy.spec.audience)) {
      return {
        reason: 'audience_not_allowed',
        detail: `provider ${provider.name} does not list the audience of the policy`,
      }
    }
    return undefined
  },
} satisfies Rule
