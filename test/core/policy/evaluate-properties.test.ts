import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDuration } from '../../../core/duration.ts'
import type { Allowance, Facts, Policy, PolicyFacts, Provider, ScopeAccess } from '../../../core/policy/allowance.ts'
import { askedScopes, candidatePolicies } from '../../../core/policy/candidates.ts'
import { evaluate } from '../../../core/policy/evaluate.ts'
import { Problem } from '../../../core/problem.ts'
import { policyOf, providerOf, run } from './policy-fixture.ts'

const audiences = ['https://a.example.com', 'https://b.example.com'] as const
const scopeNames = ['s1', 's2', 's3', 's4'] as const
const accounts = ['x', 'y', 'z'] as const
const ttls = ['30s', '5m', '20m', '0s'] as const

const someScopes = fc.uniqueArray(fc.constantFrom(...scopeNames), { minLength: 1 })
const fewScopes = fc.uniqueArray(fc.constantFrom(...scopeNames), { minLength: 1, maxLength: 2 })
const policyScopes = fc.uniqueArray(fc.constantFrom(...scopeNames), { minLength: 2 })
const usualAudience = fc.constantFrom(audiences[0], audiences[0], audiences[0], audiences[1])

/** A small world: everything in it collides with everything else often. */
interface World {
  readonly policies: readonly Policy[]
  readonly provider: Provider | undefined
  readonly subject: Facts['subject']
  readonly request: Facts['request']
  readonly hasEnded: boolean
  /** `account scope` pairs that RBAC allows. */
  readonly allowed: readonly string[]
}

const policySpec = fc.record(
  {
    audience: usualAudience,
    scopes: policyScopes,
    serviceAccounts: fc.uniqueArray(fc.constantFrom(...accounts), { minLength: 2 }),
    ttl: fc.constantFrom(...ttls),
    mode: fc.constantFrom('Enforce', 'Enforce', 'Enforce', 'DryRun'),
    suspend: fc.constantFrom(false, false, false, true),
  },
  { requiredKeys: ['audience', 'scopes'] },
)

const policies = fc
  .uniqueArray(fc.tuple(fc.constantFrom('p1', 'p2', 'p3', 'p4'), policySpec), {
    maxLength: 4,
    selector: ([name]) => name,
  })
  .map((all) => all.map(([name, spec]) => policyOf(spec, name)))

const provider = fc
  .record({
    audiences: fc.constantFrom([...audiences], [...audiences], [audiences[0]], [audiences[1]]),
    scopes: fc.oneof({ arbitrary: fc.constant([...scopeNames]), weight: 4 }, someScopes),
    limits: fc.record({ maxTTL: fc.constantFrom(...ttls) }),
    suspend: fc.constantFrom(false, false, false, true),
  })
  .map((spec) => providerOf(spec))

const allAccess = accounts.flatMap((account) => scopeNames.map((scope) => `${account} ${scope}`))

const worlds: fc.Arbitrary<World> = fc.record({
  policies,
  provider: fc.option(provider, { nil: undefined, freq: 10 }),
  subject: fc
    .uniqueArray(fc.constantFrom(...accounts), { minLength: 1, maxLength: 2 })
    .map((serviceAccounts) => ({ cluster: 'main', namespace: 'payments', namespaceLabels: {}, serviceAccounts })),
  request: fc.record({
    policy: fc.option(fc.constantFrom('p1', 'p2', 'p3'), { nil: undefined, freq: 1 }),
    audience: fc.option(usualAudience, { nil: undefined, freq: 1 }),
    scopes: fc.option(fewScopes, { nil: undefined }),
    requestedExpirySeconds: fc.option(fc.integer({ min: 1, max: 3600 }), { nil: undefined }),
  }),
  hasEnded: fc.constantFrom(false, false, false, false, true),
  allowed: fc.oneof(fc.constant(allAccess), fc.subarray(allAccess, { minLength: 9 }), fc.subarray(allAccess)),
})

function accessIn({ allowed, subject }: World, scopes: readonly string[]): readonly ScopeAccess[] {
  return subject.serviceAccounts.flatMap((serviceAccount) =>
    scopes.map((scope) => ({
      serviceAccount,
      scope,
      resourceName: `builtin:${scope}`,
      isAllowed: allowed.includes(`${serviceAccount} ${scope}`),
    })),
  )
}

/** Gathers as the broker does, and decides. */
function decide(world: World): Allowance | Problem {
  const candidates = candidatePolicies(world.policies, world.request).map((policy): PolicyFacts => {
    const scopes = askedScopes(policy, world.request)
    return { policy, provider: world.provider, scopes, rbac: accessIn(world, scopes) }
  })
  const { request, subject } = world
  try {
    return evaluate({ request, subject, candidates, agent: undefined, run: { ...run, hasEnded: world.hasEnded } })
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

function isGrant(decision: Allowance | Problem): decision is Allowance {
  return !(decision instanceof Problem)
}

function withPolicy(world: World, at: number, change: (policy: Policy) => Policy): World {
  return { ...world, policies: world.policies.map((policy, i) => (i === at ? change(policy) : policy)) }
}

/** Runs a property over worlds, and fails if it never met a grant: then it would have shown nothing. */
function holdsInEveryWorld(check: (world: World, pick: number) => boolean): void {
  let grants = 0
  fc.assert(
    fc.property(worlds, fc.nat(), (world, pick) => {
      if (isGrant(decide(world))) grants += 1
      return check(world, pick)
    }),
    { numRuns: 1000 },
  )
  expect(grants).toBeGreaterThan(50)
}

describe('evaluate', () => {
  it('turns no denial into a grant when a scope is taken out of a policy', () => {
    holdsInEveryWorld((world, pick) => {
      const scopes = world.request.scopes ?? scopeNames.slice(0, 1 + (pick % scopeNames.length))
      const asking = { ...world, request: { ...world.request, scopes } }
      if (isGrant(decide(asking)) || world.policies.length === 0) return true
      const smaller = withPolicy(asking, pick % world.policies.length, (policy) => ({
        ...policy,
        spec: { ...policy.spec, scopes: policy.spec.scopes.slice(1) },
      }))
      return !isGrant(decide(smaller))
    })
  })

  it('grants no scope by default that the policy did not have before one was taken out of it', () => {
    holdsInEveryWorld((world, pick) => {
      if (world.policies.length === 0) return true
      const asking = { ...world, request: { ...world.request, scopes: undefined } }
      const smaller = withPolicy(asking, pick % world.policies.length, (policy) => ({
        ...policy,
        spec: { ...policy.spec, scopes: policy.spec.scopes.slice(1) },
      }))
      const decision = decide(smaller)
      if (!isGrant(decision)) return true
      const before = world.policies.find((policy) => policy.name === decision.policy.name)
      return decision.scopes.every((scope) => before?.spec.scopes.includes(scope))
    })
  })

  it('takes no grant away when a policy is added', () => {
    holdsInEveryWorld((world, pick) => {
      if (!isGrant(decide(world))) return true
      const added = policyOf(
        { audience: audiences[pick % 2], scopes: ['s1'], suspend: pick % 3 === 0 },
        pick % 5 === 0 ? 'a0' : 'z9',
      )
      return isGrant(decide({ ...world, policies: [...world.policies, added] }))
    })
  })

  it('decides the same whatever order the policies were listed in', () => {
    holdsInEveryWorld((world) => {
      const [one, other] = [decide(world), decide({ ...world, policies: world.policies.toReversed() })]
      if (isGrant(one) && isGrant(other)) return one.policy.name === other.policy.name
      return !isGrant(one) && !isGrant(other) && one.reason === other.reason
    })
  })

  it('never allows a longer life than policy, provider and request', () => {
    holdsInEveryWorld((world) => {
      const decision = decide(world)
      if (!isGrant(decision)) return true
      const limits = [decision.policy.spec.ttl, decision.provider.spec.limits.maxTTL].map(
        (text) => parseDuration(text) ?? 0,
      )
      return [...limits, world.request.requestedExpirySeconds ?? Infinity].every(
        (limit) => decision.ttlSeconds <= limit,
      )
    })
  })

  it('never allows a scope that was not asked for, or that policy, provider or RBAC do not have', () => {
    holdsInEveryWorld((world) => {
      const decision = decide(world)
      if (!isGrant(decision)) return true
      const { scopes, policy, provider: from, subject } = decision
      return scopes.every(
        (scope) =>
          (world.request.scopes ?? policy.spec.scopes).includes(scope) &&
          policy.spec.scopes.includes(scope) &&
          from.spec.scopes.includes(scope) &&
          subject.serviceAccounts.every((account) => world.allowed.includes(`${account} ${scope}`)),
      )
    })
  })

  it('never allows another audience than the one asked for, nor anything to a run that has ended', () => {
    holdsInEveryWorld((world) => {
      const decision = decide(world)
      if (!isGrant(decision)) return true
      return !world.hasEnded && (world.request.audience ?? decision.audience) === decision.audience
    })
  })

  it('takes no right away when RBAC allows more', () => {
    holdsInEveryWorld((world) => !isGrant(decide(world)) || isGrant(decide({ ...world, allowed: allAccess })))
  })
})
