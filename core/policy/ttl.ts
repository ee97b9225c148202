import { parseDuration } from '../duration.ts'
import { agentBlocks } from './agents.ts'
import type { ProvidedInput } from './rule.ts'

type Input = Pick<ProvidedInput, 'policy' | 'provider' | 'request' | 'agent'>

/**
 * Longest life of a token in seconds: the least of the policy's ttl, the provider's limit, what either says for agents and
 * what was asked for.
 */
export function ttlSeconds({ policy, provider, request, agent }: Input): number {
  const forAgents = agent === undefined ? [] : agentBlocks({ policy, provider }).flatMap(({ ttl }) => ttl ?? [])
  const texts = [policy.spec.ttl, provider.spec.limits.maxTTL, ...forAgents]
  const limits = texts.map((text) => parseDuration(text) ?? 0)
  return Math.min(...limits, request.requestedExpirySeconds ?? Number.POSITIVE_INFINITY)
}
