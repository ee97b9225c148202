import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkIssued } from '../../../broker/providers/check-issued.ts'
import type { IssuedToken } from '../../../broker/providers/provider.ts'
import { Problem } from '../../../core/problem.ts'
import { Secret } from '../../../core/secret.ts'
import { anyText } from '../../any-text.ts'
import { grantWith, issuedAt } from './grant-fixture.ts'

const grant = grantWith()

const good: IssuedToken = {
  accessToken: new Secret('eyJhbGciOiJFUzI1NiJ9.e30.c2ln'),
  tokenType: 'Bearer',
  expiresAt: grant.expiresAt,
  scopes: ['deploy:staging', 'image:push'],
  jti: grant.exchangeId,
  issuer: 'https://broker.example.com',
}

function refusal(issued: IssuedToken): Problem | undefined {
  try {
    checkIssued(issued, grant)
    return undefined
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
}

describe('checkIssued', () => {
  it('lets an answer through that gives what was granted', () => {
    expect(checkIssued(good, grant)).toBe(good)
  })

  it.each<[string, Partial<IssuedToken>]>([
    ['fewer scopes', { scopes: ['image:push'] }],
    ['an earlier end', { expiresAt: new Date(issuedAt.getTime() + 1) }],
    ['a token type in another case', { tokenType: 'bearer' }],
    ['an opaque token with padding', { accessToken: new Secret('a-._~+/9==') }],
  ])('lets an answer through that gives %s', (_name, change) => {
    expect(refusal({ ...good, ...change })).toBeUndefined()
  })

  it.each<[string, Partial<IssuedToken>]>([
    ['a scope too many', { scopes: [...good.scopes, 'deploy:production'] }],
    ['a scope that only looks like a granted one', { scopes: ['deploy:staging ', 'image:push'] }],
    ['no scope', { scopes: [] }],
    ['a later end', { expiresAt: new Date(grant.expiresAt.getTime() + 1) }],
    ['an end before the beginning', { expiresAt: issuedAt }],
    ['no end', { expiresAt: new Date(Number.POSITIVE_INFINITY) }],
    ['a token of type DPoP', { tokenType: 'DPoP' }],
    ['a token of type N_A', { tokenType: 'N_A' }],
    ['an empty token', { accessToken: new Secret('') }],
    ['a token with a line break', { accessToken: new Secret('abc\r\nX-Admin: true') }],
    ['a token with a line break at its end', { accessToken: new Secret('abc\n') }],
    ['a token with a space', { accessToken: new Secret('abc def') }],
    ['a token beyond ASCII', { accessToken: new Secret('abcé') }],
    ['padding inside a token', { accessToken: new Secret('a=b') }],
    ['a huge token', { accessToken: new Secret('a'.repeat(16 * 1024 + 1)) }],
    ['an empty token id', { jti: '' }],
    ['a token id with a line break', { jti: 'a\nb' }],
    ['an empty issuer', { issuer: '' }],
  ])('refuses an answer that gives %s', (_name, change) => {
    expect(refusal({ ...good, ...change })).toMatchObject({ reason: 'provider_answer_invalid' })
  })

  it('releases nothing that could end a header line', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        const isReleased = refusal({ ...good, accessToken: new Secret(text) }) === undefined
        return !isReleased || /^[\x21-\x7e]+$/.test(text)
      }),
    )
  })

  it('releases scopes only as far as they were granted', () => {
    const scopes = fc.array(fc.constantFrom('deploy:staging', 'image:push', 'deploy:production', ''))

    fc.assert(
      fc.property(scopes, (granted) => {
        const isWithin = granted.length > 0 && granted.every((scope) => grant.allowance.scopes.includes(scope))
        return (refusal({ ...good, scopes: granted }) === undefined) === isWithin
      }),
    )
  })

  it('repeats nothing of the answer', () => {
    const detail = refusal({ ...good, accessToken: new Secret('very secret'), scopes: ['odd'] })?.detail

    expect(detail).toBe('the token is not an RFC 6750 b64token')
  })
})
