import { formatDuration, parseDuration } from '../duration.ts'
import type { Policy, Provider } from './allowance.ts'

/** Condition `Ready` of a policy or provider: one word, and one sentence that says the mend. */
export interface Readiness {
  readonly isReady: boolean
  readonly reason: string
  readonly message: string
}

/** Whether a policy could ever be granted under, as far as its own text and its provider say. */
export function policyReadiness(policy: Policy, provider: Provider | undefined): Readiness {
  const { spec } = policy
  const { name } = spec.providerRef
  if (provider === undefined) {
    return notReady(
      'ProviderNotFound',
      `There is no usable ClusterTokenProvider ${name}: create it or change providerRef.`,
    )
  }
  if (!provider.spec.audiences.includes(spec.audience)) {
    return notReady(
      'AudienceNotAtProvider',
      `Provider ${name} does not list this audience: add it there or change audience.`,
    )
  }
  const unknown = spec.scopes.filter((scope) => !provider.spec.scopes.includes(scope))
  if (unknown.length > 0) {
    return notReady(
      'ScopeNotAtProvider',
      `Provider ${name} does not list ${unknown.join(', ')}: add them there or take them out.`,
    )
  }
  if (spec.suspend || provider.spec.suspend) {
    return notReady('Suspended', 'Nothing is issued: suspend is set on the policy or its provider.')
  }
  if (ttl(policy, provider) === 0) {
    return notReady('NoLifetime', 'The ttl of the policy or the limit of its provider is zero: write one such as 5m.')
  }
  return ready(`Tokens of at most ${formatDuration(ttl(policy, provider))} are issued by ${name}.`)
}

export function providerReadiness(provider: Provider): Readiness {
  if (provider.spec.suspend) return notReady('Suspended', 'Nothing is issued: suspend is set.')
  return ready(`Issues for ${provider.spec.audiences.length} audiences and ${provider.spec.scopes.length} scopes.`)
}

function ttl(policy: Policy, provider: Provider): number {
  return Math.min(parseDuration(policy.spec.ttl) ?? 0, parseDuration(provider.spec.limits.maxTTL) ?? 0)
}

function ready(message: string): Readiness {
  return { isReady: true, reason: 'Ready', message }
}

function notReady(reason: string, message: string): Readiness {
  return { isReady: false, reason, message }
}
