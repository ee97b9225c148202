/** How long the tokens of one kind of provider can live, and whether that can be cut short. */
export interface ProviderLifetime {
  readonly minSeconds: number
  readonly maxSeconds: number
  /** Whether a life between the two can be asked for; else every token lives for `maxSeconds`. */
  readonly isAdjustable: boolean
  readonly isRevocable: boolean
}

interface Asked {
  readonly ttlSeconds: number
  readonly allowLongerUpstream: boolean
}

/**
 * Whether no token outlives the ttl of its policy: the provider issues as short, or takes tokens back, or the policy
 * accepts that they live longer.
 */
export function isTtlEnforceable({ ttlSeconds, allowLongerUpstream }: Asked, lifetime: ProviderLifetime): boolean {
  const { minSeconds, maxSeconds, isAdjustable, isRevocable } = lifetime
  return allowLongerUpstream || isRevocable || ttlSeconds >= (isAdjustable ? minSeconds : maxSeconds)
}
