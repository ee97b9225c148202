import { parseDuration } from '../duration.ts'
import type { ProvidedInput } from './rule.ts'

type Input = Pick<ProvidedInput, 'policy' | 'provider' | 'request'>

/** Longest life of a token in seconds: the least of the policy's ttl, the provider's limit and what was asked for. */
export function ttlSeconds({ policy, provider, request }: Input): number {
  const limits = [policy.spec.ttl, provider.spec.limits.maxTTL].map((text) => parseDuration(text) ?? 0)
  return Math.min(...limits, request.requestedExpirySeconds ?? Number.POSITIVE_INFINITY)
}
