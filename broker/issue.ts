import type { ProviderLifetime } from '../core/policy/lifetime.ts'
import { checkIssued } from './providers/check-issued.ts'
import type { Grant, IssuedToken, Upstream } from './providers/provider.ts'
import { providerFor } from './providers/registry.ts'

/** Asks the grant's provider and holds its answer against the grant. @throws Problem `provider_*` */
export type Issue = (grant: Grant, signal: AbortSignal) => Promise<IssuedToken>

export function createIssue(upstream: Upstream): Issue {
  return async function issue(grant, signal) {
    const { provider, config } = providerFor(grant.allowance.provider.spec)
    return checkIssued(await provider.exchange(grant, config, upstream, signal), grant)
  }
}

/** What a provider can give (longest life in seconds, and the rest of it), and whether asking it leaves the process. */
export function providerTraits(spec: Parameters<typeof providerFor>[0]): {
  readonly maxSeconds: number
  readonly callsUpstream: boolean
  readonly lifetime: ProviderLifetime
} {
  const { lifetime, callsUpstream } = providerFor(spec).provider
  return { maxSeconds: lifetime.maxSeconds, callsUpstream, lifetime }
}
