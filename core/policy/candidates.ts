import type { Facts, Policy } from './allowance.ts'
import { isScopeGlob, matchesSomeScope } from './scope-pattern.ts'

type Asked = Facts['request']

/**
 * The policies of one namespace that a request can mean, in name order: the named one; else all that cover its audience
 * and scopes; else, so that a refusal can say what is missing, all for its audience.
 */
export function candidatePolicies(policies: readonly Policy[], request: Asked): readonly Policy[] {
  if (request.policy !== undefined) return policies.filter((policy) => policy.name === request.policy)
  const forAudience = policies.filter(
    ({ spec }) => request.audience === undefined || spec.audience === request.audience,
  )
  const covering = forAudience.filter(({ spec }) => covers(spec.scopes, request.scopes))
  return (covering.length > 0 ? covering : forAudience).toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function covers(patterns: readonly string[], scopes: readonly string[] | undefined): boolean {
  return scopes === undefined || scopes.every((scope) => matchesSomeScope(patterns, scope))
}

/**
 * The scopes that a request asks of one policy: its own, or the policy's where it names none. A policy with a glob says
 * what may be asked for, and not what is: there the answer is none.
 */
export function askedScopes({ spec }: Policy, { scopes }: Asked): readonly string[] {
  return scopes ?? (spec.scopes.some(isScopeGlob) ? [] : spec.scopes)
}
