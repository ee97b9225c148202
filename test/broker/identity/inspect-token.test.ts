import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inspectToken, tokenLimits } from '../../../broker/identity/inspect-token.ts'
import { Secret } from '../../../core/secret.ts'
import { anyText } from '../../any-text.ts'
import { problemOf, reasonOf } from '../../core/reason-of.ts'
import { expectNoTrace } from './identity-fixture.ts'

const header = { alg: 'RS256', kid: 'key-1' }
const payload = { iss: 'https://kubernetes.default.svc', sub: 'x' }
const signature = Buffer.alloc(256, 7).toString('base64url')

function encode(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

function token(parts: { header?: unknown; payload?: unknown; signature?: string } = {}): string {
  return [encode(parts.header ?? header), encode(parts.payload ?? payload), parts.signature ?? signature].join('.')
}

/** The payload fills what header and signature leave. */
const longest = `${encode(header)}.${encode(JSON.stringify(payload).padEnd(11_988))}.${signature}`.padEnd(
  tokenLimits.tokenLength,
  'A',
)

function reason(text: string) {
  return reasonOf(() => inspectToken(new Secret(text)))
}

describe('inspectToken', () => {
  it.each([
    ['a plain header', token()],
    ['typ JWT', token({ header: { ...header, typ: 'JWT' } })],
    ['members that nobody needs', token({ header: { ...header, cty: 'x' } })],
    ['an algorithm that only the key can judge', token({ header: { ...header, alg: 'none' } })],
    ['a kid of the longest length', token({ header: { ...header, kid: 'k'.repeat(256) } })],
    ['a header of the longest length', token({ header: JSON.stringify(header).padEnd(tokenLimits.headerBytes) })],
    ['the longest length', longest],
  ])('reads a token with %s', (_what, text) => {
    expect(inspectToken(new Secret(text))).toMatchObject({ issuer: payload.iss })
  })

  it('tells algorithm, key, issuer and claims', () => {
    expect(inspectToken(new Secret(token()))).toEqual({
      algorithm: 'RS256',
      kid: 'key-1',
      issuer: payload.iss,
      claims: payload,
    })
  })

  it.each([
    ['nothing', ''],
    ['no parts', 'eyJhbGciOiJSUzI1NiJ9'],
    ['two parts', token().split('.').slice(0, 2).join('.')],
    ['four parts', `${token()}.${signature}`],
    ['five parts, which would be a JWE', `${token()}.a.b`],
    ['an empty header', `.${encode(payload)}.${signature}`],
    ['an empty payload', `${encode(header)}..${signature}`],
    ['an empty signature', token({ signature: '' })],
    ['a newline behind it', `${token()}\n`],
    ['a space before it', ` ${token()}`],
    ['a carriage return within', token().replace('.', '\r.')],
    ['padding', `${token()}==`],
    ['base64 in place of base64url', token({ signature: `${'+/'.repeat(20)}` })],
    ['characters beyond ASCII', token({ signature: `${signature}é` })],
    ['a signature with unused bits set', token({ signature: `${signature.slice(0, -1)}x` })],
    ['a header with unused bits set', `${encode({ ...header, x: 1 }).slice(0, -1)}1.${encode(payload)}.${signature}`],
    ['a signature of one character, which is no whole byte', token({ signature: 'A' })],
    ['a header that is no JSON', token({ header: '{"alg":' })],
    ['a payload that is no JSON', token({ payload: 'iss' })],
    ['a header that is a list', token({ header: [header] })],
    ['a header that is text', token({ header: '"alg"' })],
    ['a header that is a number', token({ header: '5' })],
    ['a header that is null', token({ header: 'null' })],
    ['a payload that is text', token({ payload: '"https://kubernetes.default.svc"' })],
    [
      'a payload that is no UTF-8',
      `${encode(header)}.${Buffer.from('{"iss":"\xff"}', 'latin1').toString('base64url')}.${signature}`,
    ],
    ['no alg', token({ header: { kid: 'key-1' } })],
    ['an alg that is no text', token({ header: { ...header, alg: ['RS256'] } })],
    ['no kid', token({ header: { alg: 'RS256' } })],
    ['a kid that is no text', token({ header: { ...header, kid: 1 } })],
    ['an over-long kid', token({ header: { ...header, kid: 'k'.repeat(257) } })],
    ['typ at+jwt', token({ header: { ...header, typ: 'at+jwt' } })],
    ['typ in another case', token({ header: { ...header, typ: 'jwt' } })],
    ['no issuer', token({ payload: { sub: 'x' } })],
    ['an issuer that is no text', token({ payload: { iss: ['https://kubernetes.default.svc'] } })],
    ['a header over 2 KiB', token({ header: { ...header, x: 'y'.repeat(2048) } })],
    ['a length over the limit', token({ signature: 'A'.repeat(tokenLimits.tokenLength) })],
  ])('refuses a token with %s as malformed', (_what, text) => {
    expect(reason(text)).toBe('subject_token_malformed')
  })

  it.each(['jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'crit', 'b64', 'zip', 'enc'])(
    'refuses the header member %s, whatever its value',
    (name) => {
      for (const value of [null, '', 'https://attacker.example.com/jwks', {}, [], false]) {
        expect(reason(token({ header: { ...header, [name]: value } }))).toBe('subject_token_forbidden_header')
      }
    },
  )

  it('is not confused by nesting, prototypes or repeated members', () => {
    expect(reason(token({ header: `{"__proto__":{"alg":"RS256","kid":"k"}}` }))).toBe('subject_token_malformed')
    expect(reason(token({ header: `${'{"a":'.repeat(400)}1${'}'.repeat(400)}` }))).toBe('subject_token_malformed')
    expect(reason(token({ header: '{"alg":"none","alg":"RS256","kid":"key-1"}' }))).toBeUndefined()
    expect(reason(token({ payload: `[${'['.repeat(7000)}` }))).toBe('subject_token_malformed')
  })

  it('shows no part of the token in its refusals', () => {
    for (const text of [
      token({ header: '{"alg":"RS256","kid":"k"' }),
      token({ payload: '{"iss":"https://kubernetes.default.svc","sub":' }),
      token({ header: { ...header, jku: 'https://attacker.example.com/jwks' } }),
      token({ header: { ...header, kid: 'k'.repeat(257) } }),
      `${token()}\n`,
    ]) {
      expectNoTrace(
        problemOf(() => inspectToken(new Secret(text))),
        text,
      )
    }
  })

  it('refuses or reads anything, and throws nothing else', () => {
    const part = fc.oneof(anyText(), fc.base64String(), fc.json().map(encode), fc.constant(encode(header)))

    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const refusal = reason(parts.join('.'))
        expect([undefined, 'subject_token_malformed', 'subject_token_forbidden_header']).toContain(refusal)
      }),
      { numRuns: 300 },
    )
  })
})
