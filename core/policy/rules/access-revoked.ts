import type { Rule } from '../rule.ts'

export const accessRevoked = {
  name: 'access-revoked',
  explain: 'Nobody suspended the ServiceAccount.',
  check({ subject }) {
    const suspended = subject.suspendedAccounts ?? []
    if (suspended.length === 0) return undefined
    return {
      reason: 'access_revoked',
      detail: `suspended by a person: ${suspended.join(' ')}`,
      serviceAccounts: suspended,
    }
  },
} satisfies Rule
