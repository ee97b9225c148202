import { describe, expect, it } from 'vitest'
import { policyReadiness, providerReadiness } from '../../../core/policy/readiness.ts'
import { policyOf, providerOf } from './policy-fixture.ts'

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
  ])('of %s says so', (_what, spec, provider, reason, message) => {
    const readiness = policyReadiness(policyOf(spec), provider)

    expect(readiness).toMatchObject({ isReady: reason === 'Ready', reason })
    expect(readiness.message).toContain(message)
    expect(readiness.message).toMatch(/^[A-Z].*\.$/)
  })
})

describe('providerReadiness', () => {
  it.each([
    [false, 'Ready', 'Issues for 2 audiences and 3 scopes.'],
    [true, 'Suspended', 'Nothing is issued: suspend is set.'],
  ])('with suspend: %s is %s', (suspend, reason, message) => {
    expect(providerReadiness(providerOf({ suspend }))).toEqual({ isReady: !suspend, reason, message })
  })
})
