import type { Policy, Provider } from '../../core/policy/allowance.ts'

/** Policies and providers of one cluster, as last seen by watch. */
export interface PolicyStore {
  /** False until the first complete list: nothing can be judged before. */
  isSynced(): boolean
  policies(namespace: string): readonly Policy[]
  provider(name: string): Provider | undefined
}
