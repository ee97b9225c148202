import type { ScopeAccess } from '../allowance.ts'
import type { Rule } from '../rule.ts'

function isCovered(access: readonly ScopeAccess[], serviceAccount: string, scope: string): boolean {
  return access.some((a) => a.serviceAccount === serviceAccount && a.scope === scope && a.isAllowed)
}

export const rbac = {
  name: 'rbac',
  explain: 'Kubernetes RBAC allows the ServiceAccount verb exchange on tokenscopes/<provider>:<scope> for every scope.',
  check({ subject, scopes, rbac: access, provider }) {
    const refused = subject.serviceAccounts.flatMap((serviceAccount) =>
      scopes
        .filter((scope) => !isCovered(access, serviceAccount, scope))
        .map((scope) => ({ serviceAccount, text: `${serviceAccount} on ${provider.name}:${scope}` })),
    )
    if (refused.length === 0) return undefined
    return {
      reason: 'rbac_denied',
      detail: `RBAC refuses ${refused.map(({ text }) => text).join(', ')}`,
      serviceAccounts: [...new Set(refused.map(({ serviceAccount }) => serviceAccount))],
    }
  },
} satisfies Rule
