import { describe, expect, it } from 'vitest'
import { compileValidations } from '../../../core/io/cel/compile-validations.ts'
import type { Policy } from '../../../core/policy/allowance.ts'
import { policyReadiness, providerReadiness } from '../../../core/policy/readiness.ts'
import { ttlEnforceable } from '../../../core/policy/rules/ttl-enforceable.ts'
import { factsOf, policyOf, providerOf } from './policy-fixture.ts'
import { inputOf } from './rule-input.ts'

function forTeam(team: string): object {
  return { namespaceSelector: { matchLabels: { team } } }
}

function withValidations(...expressions: readonly string[]): Policy {
  const written = expressions.map((expression, at) => ({ name: `v${at}`, expression, message: 'do not' }))
  return { ...policyOf({ validations: written }), validations: compileValidations(written) }
}

describe('policyReadiness', () => {
  it.each([
    ['a policy that fits its provider', {}, providerOf(), 'Ready', 'Tokens of at most 5m0s are issued by builtin.'],
    [
      'a ttl above the limit, which is cut',
      { ttl: '1h' },
      providerOf(),
      'Ready',
      'Tokens of at most 15m0s are issued by builtin.',
    ],
    ['no provider', { providerRef: { name: 'okta' } }, undefined, 'ProviderNotFound', 'okta'],
    [
      'an audience that the provider does not list',
      {},
      providerOf({ audiences: ['https://other.example.com'] }),
      'AudienceNotAtProvider',
      'audience',
    ],
    [
      'a scope that the provider does not list',
      { scopes: ['deploy:staging', 'x', 'y'] },
      providerOf(),
      'ScopeNotAtProvider',
      'does not list x, y',
    ],
    ['a ttl of zero', { ttl: '0s' }, providerOf(), 'NoLifetime', 'zero'],
    ['a limit of zero', {}, providerOf({ limits: { maxTTL: '0h0m' } }), 'NoLifetime', 'zero'],
    ['a suspended policy', { suspend: true }, providerOf(), 'Suspended', 'suspend'],
    ['a suspended provider', {}, providerOf({ suspend: true }), 'Suspended', 'suspend'],
    ['a glob with a scope of the provider', { scopes: ['deploy:*'] }, providerOf(), 'Ready', 'builtin'],
    ['a scope that a glob of the provider means', {}, providerOf({ scopes: ['deploy:*'] }), 'Ready', 'builtin'],
    ['a glob without any', { scopes: ['*:read'] }, providerOf(), 'ScopeNotAtProvider', 'does not list *:read'],
    [
      'a provider for other namespaces',
      {},
      providerOf(forTeam('b')),
      'NamespaceNotAtProvider',
      'not for this namespace',
    ],
    ['a provider for its namespace', {}, providerOf(forTeam('a')), 'Ready', 'builtin'],
    [
      'scopes for agents of which one is none of the policy',
      { agents: { scopes: ['deploy:*', 'deploy:stagin:*'] } },
      providerOf(),
      'AgentScopesMeanNothing',
      'by deploy:stagin:* in agents.scopes of this policy',
    ],
    ['scopes for agents that the policy has', { agents: { scopes: ['*:staging'] } }, providerOf(), 'Ready', 'builtin'],
    ['no time to approve', { approval: { expiresAfter: '0m' } }, providerOf(), 'NoTimeToApprove', 'zero'],
  ])('of %s says so', (_what, spec, provider, reason, message) => {
    const readiness = policyReadiness(policyOf(spec), provider, { team: 'a' })

    expect(readiness).toMatchObject({ isReady: reason === 'Ready', reason })
    expect(readiness.message).toContain(message)
    expect(readiness.message).toMatch(/^[A-Z].*\.$/)
  })
})

describe('policyReadiness with a provider that issues for an hour', () => {
  const hour = { minSeconds: 3600, maxSeconds: 3600, isAdjustable: false, isRevocable: false }
  const from = (lifetime: Partial<typeof hour>) => ({
    ...providerOf({ limits: { maxTTL: '2h' } }),
    lifetime: { ...hour, ...lifetime },
  })

  it.each([
    ['a shorter ttl', { ttl: '5m' }, {}, 'TTLNotEnforceable'],
    ['a ttl as long', { ttl: '1h' }, {}, 'Ready'],
    ['a shorter ttl that may be exceeded', { ttl: '5m', allowLongerUpstream: true }, {}, 'Ready'],
    ['a shorter ttl where tokens can be taken back', { ttl: '5m' }, { isRevocable: true }, 'Ready'],
    ['a ttl that can be asked for', { ttl: '5m' }, { isAdjustable: true, minSeconds: 60 }, 'Ready'],
    ['a ttl under the least', { ttl: '30s' }, { isAdjustable: true, minSeconds: 60 }, 'TTLNotEnforceable'],
  ])('of %s says so, and the rule with it', (_what, spec, lifetime, reason) => {
    const policy = policyOf(spec)
    const provider = from(lifetime)
    const request = { ...factsOf().request, requestedExpirySeconds: 3600 }

    expect(policyReadiness(policy, provider).reason).toBe(reason)
    expect(ttlEnforceable.check(inputOf({ policy, provider, request }))?.reason).toBe(
      reason === 'Ready' ? undefined : 'ttl_not_enforceable',
    )
  })
})

describe('policyReadiness with validations', () => {
  it('says what they cost at most', () => {
    const readiness = policyReadiness(withValidations('agent', 'event.ref == "refs/heads/main"'), providerOf())

    expect(readiness.message).toMatch(/^Tokens of at most .* by builtin; validations cost at most \d+ of \d+ steps\.$/)
  })

  it('names the one that is no expression, and where', () => {
    expect(policyReadiness(withValidations('agent', 'run.pipelne == "x"'), providerOf())).toEqual({
      isReady: false,
      reason: 'ExpressionInvalid',
      message: 'Validation v1: character 5: No such key: pipelne.',
    })
  })

  it('names the one that costs most where they cost too much', () => {
    const readiness = policyReadiness(withValidations('agent', 'request.scopes == request.scopes'), providerOf())
    const dear = policyReadiness(withValidations('agent', 'request.scopes.all(s, s in request.scopes)'), providerOf())

    expect(readiness.reason).toBe('Ready')
    expect(dear).toMatchObject({ isReady: false, reason: 'ExpressionTooExpensive' })
    expect(dear.message).toContain('of which v1')
  })
})

describe('a ClusterTokenPolicy', () => {
  it('is ready whatever namespaces its provider is for', () => {
    const policy: Policy = { ...policyOf(), kind: 'ClusterTokenPolicy' }

    expect(policyReadiness(policy, providerOf(forTeam('b'))).isReady).toBe(true)
  })
})

describe('providerReadiness', () => {
  it.each([
    [false, 'Ready', 'Issues for 2 audiences and 3 scopes.'],
    [true, 'Suspended', 'Nothing is issued: suspend is set.'],
  ])('with suspend: %s is %s', (suspend, reason, message) => {
    expect(providerReadiness(providerOf({ suspend }))).toEqual({ isReady: !suspend, reason, message })
  })

  it('names a requirement that means no scope of the provider', () => {
    const requiring = (scope: string) =>
      providerReadiness(providerOf({ limits: { require: [{ scopes: [scope], assurance: 'verified' }] } }))

    expect(requiring('deploy:prodution')).toMatchObject({ isReady: false, reason: 'RequirementMeansNothing' })
    expect(requiring('deploy:prodution').message).toContain('deploy:prodution')
    expect(requiring('deploy:*').isReady).toBe(true)
  })

  it('names scopes for agents that are none of the provider', () => {
    const narrowing = (scope: string) => providerReadiness(providerOf({ limits: { agents: { scopes: [scope] } } }))

    expect(narrowing('deploy:prodution')).toMatchObject({ isReady: false, reason: 'AgentScopesMeanNothing' })
    expect(narrowing('deploy:prodution').message).toContain('by deploy:prodution in limits.agents.scopes')
    expect(narrowing('deploy:*').isReady).toBe(true)
  })
})
