import type { Policy, PolicySubject, Provider } from '../../core/policy/allowance.ts'

/** Policies and providers of one cluster, as last seen by watch. */
export interface PolicyStore {
  /** False until the first complete list: nothing can be judged before. */
  isSynced(): boolean
  /** Those of the namespace, and every ClusterTokenPolicy that selects it and whose name none of them has. */
  policies(namespace: string): readonly Policy[]
  provider(name: string): Provider | undefined
  /** undefined for a namespace that is not known (yet). */
  namespaceLabels(namespace: string): PolicySubject['namespaceLabels']
  /** Whether a person suspended the ServiceAccount; absent where nobody can. */
  isAccountSuspended?(namespace: string, serviceAccount: string): boolean
}
