import type { Rule } from '../rule.ts'

export const suspended = {
  name: 'suspended',
  explain: 'Neither the policy nor its provider is suspended.',
  check({ policy, provider }) {
    if (policy.spec.suspend) return { reason: 'policy_suspended', detail: 'the policy is suspended' }
    return provider.spec.suspend
      ? { reason: 'policy_suspended', detail: `provider ${provider.name} is suspended` }
      : undefined
  },
} satisfies Rule
