import type { Facts, Policy } from './allowance.ts'

/**
 * The policies of one namespace that a request can mean: the named one, else all that cover its audience and scopes,
 * in name order.
 */
export function candidatePolicies(policies: readonly Policy[], request: Facts['request']): readonly Policy[] {
  if (request.policy !== undefined) return policies.filter((p) => p.name === request.policy)
  return policies
    .filter((p) => request.audience === undefined || p.spec.audience === request.audience)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The scopes that a request asks of one policy: its own, or the policy's where it names none. */
export function askedScopes(policy: Policy, request: Facts['request']): readonly string[] {
  return request.scopes ?? policy.spec.scopes
}
