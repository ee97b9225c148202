import { apiGroup } from '../../core/crd/kind.ts'
import { scopeResourceName, tokenScope } from '../../core/crd/token-scope.ts'
import type { ExpiringCache } from '../../core/expiring-cache.ts'
import { serviceAccountUser } from '../../core/identity/workload.ts'
import { createSharedDeadline } from '../../core/io/deadline.ts'
import type { AccessReviewResult, KubeClient } from '../../core/io/kube/api.ts'
import { kubeProblem } from '../../core/io/kube/refusal.ts'
import type { ScopeAccess } from '../../core/policy/allowance.ts'

export interface ScopeQuestion {
  readonly namespace: string
  readonly serviceAccount: string
  readonly provider: string
  readonly scope: string
}

export type AskScopeAccess = (question: ScopeQuestion) => Promise<ScopeAccess>

const timeoutMs = 3000

/**
 * Asks Kubernetes RBAC whether a ServiceAccount may exchange a scope: verb `exchange` on `tokenscopes/<provider>:<scope>`,
 * the same that `kubectl auth can-i` answers. A yes may be as old as the cache allows (5 s); a no is never kept.
 *
 * @throws Problem `kubernetes_unavailable`, `kubernetes_refused`
 */
export function createAskScopeAccess(kube: KubeClient, cache: ExpiringCache<AccessReviewResult>): AskScopeAccess {
  const deadline = createSharedDeadline(timeoutMs)

  return async function askScopeAccess({ namespace, serviceAccount, provider, scope }) {
    const name = scopeResourceName(provider, scope)
    const ask = () =>
      kube.subjectAccessReview(
        {
          user: serviceAccountUser(namespace, serviceAccount),
          groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
          namespace,
          verb: 'exchange',
          group: apiGroup,
          resource: tokenScope.plural,
          name,
        },
        // A shared answer has its own deadline, not that of the caller who happened to ask first.
        deadline(),
      )
    const result = await cache
      .get(`${namespace} ${serviceAccount} ${name}`, ask, (answer) => answer.isAllowed)
      .catch((cause) => {
        throw kubeProblem('SubjectAccessReview', cause)
      })
    return { serviceAccount, scope, resourceName: name, isAllowed: result.isAllowed }
  }
}
