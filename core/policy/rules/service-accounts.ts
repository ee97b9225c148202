import type { Rule } from '../rule.ts'

export const serviceAccounts = {
  name: 'service-accounts',
  explain: 'The policy is not narrowed to other ServiceAccounts.',
  check({ subject, policy }) {
    const allowed = policy.spec.serviceAccounts
    if (allowed === undefined) return undefined
    const others = subject.serviceAccounts.filter((name) => !allowed.includes(name))
    if (others.length === 0) return undefined
    return {
      reason: 'service_account_not_allowed',
      detail: `not named by the policy: ${others.join(' ')}`,
      serviceAccounts: others,
    }
  },
} satisfies Rule
