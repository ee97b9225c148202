import type { ClusterTokenProviderSpec } from '../crd/cluster-token-provider.ts'
import type { Provider } from './allowance.ts'
import { matchesSomeScope } from './scope-pattern.ts'

export type Requirement = NonNullable<ClusterTokenProviderSpec['limits']['require']>[number]

/** What a provider demands of every policy for these scopes: one scope is enough to be meant. */
export function requirementsFor(provider: Provider, scopes: readonly string[]): readonly Requirement[] {
  const { require = [] } = provider.spec.limits
  return require.filter(({ scopes: patterns }) => {
    return patterns === undefined || scopes.some((scope) => matchesSomeScope(patterns, scope))
  })
}
