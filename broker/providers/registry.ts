import type { ClusterTokenProviderSpec } from '../../core/crd/cluster-token-provider.ts'
import { Problem } from '../../core/problem.ts'
import { builtin } from './builtin.ts'
import type { TokenProvider } from './provider.ts'

/** Fields of the spec that hold the configuration of one kind of issuer; exactly one of them is set. */
type ProviderField = Exclude<
  keyof ClusterTokenProviderSpec,
  'audiences' | 'scopes' | 'limits' | 'namespaceSelector' | 'suspend'
>

type Providers = {
  readonly [Field in ProviderField]: TokenProvider<NonNullable<ClusterTokenProviderSpec[Field]>>
}

/** Every provider, by its field in ClusterTokenProvider. A new one: its file, and its line here. */
export const providers: Providers = {
  builtin,
}

/** A provider with its own configuration; `registry.ts` alone pairs them. */
export interface SelectedProvider<C = unknown> {
  readonly provider: TokenProvider<C>
  readonly config: C
}

/** @throws Problem `provider_unknown` when the spec names no provider that this broker has */
export function providerFor(spec: ClusterTokenProviderSpec): SelectedProvider {
  for (const field of Object.keys(providers) as ProviderField[]) {
    const selected = select(spec, field)
    if (selected !== undefined) return selected
  }
  throw new Problem('provider_unknown', { detail: 'the ClusterTokenProvider configures no known kind of issuer' })
}

function select<F extends ProviderField>(spec: ClusterTokenProviderSpec, field: F): SelectedProvider | undefined {
  const config: unknown = spec[field]
  return config === undefined ? undefined : { provider: providers[field] as TokenProvider<unknown>, config }
}
