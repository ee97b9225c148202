import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ExchangeRequest, parseExchangeRequest } from '../../../core/oauth/exchange-request.ts'
import { problemOf } from '../reason-of.ts'

const jwt = 'urn:ietf:params:oauth:token-type:jwt'
const accessToken = 'urn:ietf:params:oauth:token-type:access_token'
const customRun = 'urn:tokenbroker:params:token-type:customrun'
const reference = 'payments/release-token/22222222-2222-4222-8222-222222222222'

type Params = Readonly<Record<string, string | undefined>>

const exchange: Params = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: 'a.b.c',
  subject_token_type: jwt,
  audience: 'https://deploy.example.com',
  scope: 'deploy:staging',
}

const bearer: Params = {
  grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  assertion: 'a.b.c',
  audience: 'https://deploy.example.com',
  scope: 'deploy:staging',
}

const delegated: Params = {
  ...exchange,
  subject_token: reference,
  subject_token_type: customRun,
  actor_token: 'd.e.f',
  actor_token_type: jwt,
}

function parse(params: Params): ExchangeRequest {
  const entries = Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return parseExchangeRequest(new Map(entries))
}

/** What a request asks for beside who asks. */
function asked(params: Params) {
  const { subject: _subject, grantType: _grantType, ...rest } = parse(params)
  return rest
}

const grants: readonly (readonly [string, Params])[] = [
  ['token-exchange', exchange],
  ['jwt-bearer', bearer],
]

describe('parseExchangeRequest', () => {
  it('reads a token exchange by a pod', () => {
    const request = parse(exchange)

    expect(request).toMatchObject({
      grantType: 'token-exchange',
      audience: 'https://deploy.example.com',
      scopes: ['deploy:staging'],
      policy: undefined,
      requestedExpirySeconds: undefined,
    })
    expect(request.subject.kind === 'pod' && request.subject.token.reveal()).toBe('a.b.c')
  })

  it('reads a jwt-bearer grant as the same question', () => {
    const request = parse(bearer)

    expect(request.grantType).toBe('jwt-bearer')
    expect(request.subject.kind === 'pod' && request.subject.token.reveal()).toBe('a.b.c')
    expect(asked(bearer)).toEqual(asked(exchange))
  })

  it('reads an exchange by the controller for a CustomRun', () => {
    const { subject } = parse(delegated)

    expect(subject).toMatchObject({
      kind: 'customrun',
      reference: { namespace: 'payments', name: 'release-token', uid: '22222222-2222-4222-8222-222222222222' },
    })
    expect(subject.kind === 'customrun' && subject.actorToken.reveal()).toBe('d.e.f')
  })

  describe.each(grants)('on %s', (_grant, valid) => {
    it.each<[string, Params, Partial<ExchangeRequest>]>([
      [
        'resource in place of audience',
        { audience: undefined, resource: 'https://a.example.com' },
        { audience: 'https://a.example.com' },
      ],
      ['a plain name as audience', { audience: 'deploy' }, { audience: 'deploy' }],
      ['several scopes, sorted', { scope: 'b a' }, { scopes: ['a', 'b'] }],
      [
        'policy alone',
        { policy: 'deploy-staging', audience: undefined, scope: undefined },
        { policy: 'deploy-staging', audience: undefined, scopes: undefined },
      ],
      [
        'policy with audience and scope',
        { policy: 'deploy-staging' },
        { policy: 'deploy-staging', scopes: ['deploy:staging'] },
      ],
      ['policy without audience', { policy: 'p', audience: undefined }, { policy: 'p', audience: undefined }],
      ['policy without scope', { policy: 'p', scope: undefined }, { policy: 'p', scopes: undefined }],
      ['an access token as requested type', { requested_token_type: accessToken }, {}],
      ['a JWT as requested type', { requested_token_type: jwt }, {}],
      ['a requested expiry', { requested_expiry: '60' }, { requestedExpirySeconds: 60 }],
      ['the shortest requested expiry', { requested_expiry: '2' }, { requestedExpirySeconds: 2 }],
      ['the longest requested expiry', { requested_expiry: '999999999' }, { requestedExpirySeconds: 999_999_999 }],
      ['parameters that it does not know', { client_id: 'x', foo: 'bar', authorization_details: '[]' }, {}],
    ])('takes %s', (_what, change, expected) => {
      expect(parse({ ...valid, ...change })).toMatchObject(expected)
    })

    it.each<[string, Params, string, string]>([
      ['no grant_type', { grant_type: undefined }, 'parameter_missing', 'grant_type'],
      ['no audience and no policy', { audience: undefined }, 'parameter_missing', 'audience, resource or policy'],
      ['no scope and no policy', { scope: undefined }, 'parameter_missing', 'scope, or policy for its scopes'],
      ['audience beside resource', { resource: 'https://a.example.com' }, 'parameter_invalid', 'resource'],
      ['the same audience and resource', { resource: 'https://deploy.example.com' }, 'parameter_invalid', 'resource'],
      ['an audience with a space', { audience: 'a b' }, 'parameter_invalid', 'audience'],
      ['an audience with a quote', { audience: 'a"b' }, 'parameter_invalid', 'audience'],
      ['an audience with a backslash', { audience: 'a\\b' }, 'parameter_invalid', 'audience'],
      ['an audience beyond ASCII', { audience: 'https://exämple.com' }, 'parameter_invalid', 'audience'],
      ['an over-long audience', { audience: 'a'.repeat(513) }, 'parameter_invalid', 'audience'],
      ['a malformed resource', { audience: undefined, resource: 'a b' }, 'parameter_invalid', 'audience'],
      ['a policy in upper case', { policy: 'Deploy' }, 'parameter_invalid', 'policy'],
      ['a policy with a slash', { policy: 'other/deploy' }, 'parameter_invalid', 'policy'],
      ['a policy that starts with a dash', { policy: '-a' }, 'parameter_invalid', 'policy'],
      ['a policy that ends with a dot', { policy: 'a.' }, 'parameter_invalid', 'policy'],
      ['an over-long policy', { policy: 'a'.repeat(254) }, 'parameter_invalid', 'policy'],
      ['a malformed scope', { scope: 'a  b' }, 'scope_malformed', 'scopes'],
      ['a repeated scope', { scope: 'a a' }, 'scope_malformed', 'scopes'],
      [
        'an expiry of which no whole second may be left',
        { requested_expiry: '1' },
        'parameter_invalid',
        'requested_expiry',
      ],
      ['no expiry at all', { requested_expiry: '0' }, 'parameter_invalid', 'requested_expiry'],
      ['a negative expiry', { requested_expiry: '-1' }, 'parameter_invalid', 'requested_expiry'],
      ['an expiry with a unit', { requested_expiry: '5m' }, 'parameter_invalid', 'requested_expiry'],
      ['a fraction of a second', { requested_expiry: '1.5' }, 'parameter_invalid', 'requested_expiry'],
      ['an expiry with an exponent', { requested_expiry: '1e9' }, 'parameter_invalid', 'requested_expiry'],
      ['an expiry with a leading zero', { requested_expiry: '060' }, 'parameter_invalid', 'requested_expiry'],
      ['an expiry of ten digits', { requested_expiry: '1000000000' }, 'parameter_invalid', 'requested_expiry'],
      [
        'a refresh token as requested type',
        { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
        'parameter_invalid',
        'requested_token_type',
      ],
      [
        'an ID token as requested type',
        { requested_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
        'parameter_invalid',
        'requested_token_type',
      ],
    ])('refuses %s', (_what, change, reason, detail) => {
      const problem = problemOf(() => parse({ ...valid, ...change }))

      expect(problem.reason).toBe(reason)
      expect(problem.detail).toContain(detail)
    })
  })

  it.each([
    'client_credentials',
    'authorization_code',
    'refresh_token',
    'password',
    'token-exchange',
    'URN:IETF:PARAMS:OAUTH:GRANT-TYPE:TOKEN-EXCHANGE',
    'urn:ietf:params:oauth:grant-type:token-exchange ',
    'urn:ietf:params:oauth:grant-type:device_code',
    '__proto__',
  ])('refuses the grant type %j', (grant_type) => {
    expect(problemOf(() => parse({ ...exchange, grant_type })).reason).toBe('unsupported_grant_type')
  })

  it.each<[string, Params, string, string]>([
    [
      'a token exchange without subject_token',
      { ...exchange, subject_token: undefined },
      'parameter_missing',
      'subject_token',
    ],
    [
      'a token exchange without subject_token_type',
      { ...exchange, subject_token_type: undefined },
      'parameter_missing',
      'subject_token_type',
    ],
    [
      'a subject token that is an access token',
      { ...exchange, subject_token_type: accessToken },
      'parameter_invalid',
      'subject_token_type',
    ],
    [
      'a subject token that is an ID token',
      { ...exchange, subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
      'parameter_invalid',
      'subject_token_type',
    ],
    ['a token exchange with an assertion', { ...exchange, assertion: 'a.b.c' }, 'parameter_invalid', 'assertion'],
    [
      'a pod with an actor token',
      { ...exchange, actor_token: 'd.e.f', actor_token_type: jwt },
      'parameter_invalid',
      'actor_token',
    ],
    [
      'a pod with the type of an actor token',
      { ...exchange, actor_token_type: jwt },
      'parameter_invalid',
      'actor_token',
    ],
    ['a jwt-bearer without assertion', { ...bearer, assertion: undefined }, 'parameter_missing', 'assertion'],
    ['a jwt-bearer with subject_token', { ...bearer, subject_token: 'a.b.c' }, 'parameter_invalid', 'subject_token'],
    [
      'a jwt-bearer with subject_token_type',
      { ...bearer, subject_token_type: jwt },
      'parameter_invalid',
      'subject_token_type',
    ],
    ['a jwt-bearer with actor_token', { ...bearer, actor_token: 'd.e.f' }, 'parameter_invalid', 'actor_token'],
    [
      'a jwt-bearer with actor_token_type',
      { ...bearer, actor_token_type: jwt },
      'parameter_invalid',
      'actor_token_type',
    ],
    ['a CustomRun without actor_token', { ...delegated, actor_token: undefined }, 'parameter_missing', 'actor_token'],
    [
      'a CustomRun without actor_token_type',
      { ...delegated, actor_token_type: undefined },
      'parameter_invalid',
      'actor_token_type',
    ],
    [
      'an actor token that is an access token',
      { ...delegated, actor_token_type: accessToken },
      'parameter_invalid',
      'actor_token_type',
    ],
    [
      'an actor that is a CustomRun',
      { ...delegated, actor_token_type: customRun },
      'parameter_invalid',
      'actor_token_type',
    ],
    [
      'a CustomRun without uid',
      { ...delegated, subject_token: 'payments/release-token' },
      'parameter_invalid',
      'subject_token',
    ],
    ['a JWT in place of a CustomRun', { ...delegated, subject_token: 'a.b.c' }, 'parameter_invalid', 'subject_token'],
    [
      'a CustomRun in place of a JWT, by type',
      { ...exchange, subject_token_type: customRun },
      'parameter_invalid',
      'subject_token',
    ],
  ])('refuses %s', (_what, params, reason, detail) => {
    const problem = problemOf(() => parse(params))

    expect(problem.reason).toBe(reason)
    expect(problem.detail).toBe(detail)
  })

  it('never gives a token a name by which it could be printed', () => {
    expect(JSON.stringify([parse(exchange), parse(bearer), parse(delegated)])).not.toMatch(/a\.b\.c|d\.e\.f/)
  })

  it('repeats nothing that was sent, and stays within the characters of error_description', () => {
    const names = ['grant_type', 'subject_token', 'subject_token_type', 'audience', 'scope', 'policy', 'actor_token']
    const others = ['actor_token_type', 'assertion', 'resource', 'requested_expiry', 'requested_token_type']
    const marker = 'ZQMARKERQZ'
    const value = fc.oneof(
      fc.constant(undefined),
      fc.string().map((text) => `${text}${marker}`),
    )
    const params = fc.record(Object.fromEntries([...names, ...others].map((name) => [name, value])))

    fc.assert(
      fc.property(params, fc.constantFrom(exchange, bearer, delegated), (changes, base) => {
        // An undefined change keeps what the valid request has, so that later checks are reached too.
        const given = Object.fromEntries(Object.entries(changes).filter(([, text]) => text !== undefined))
        if (Object.keys(given).length === 0) return
        try {
          parse({ ...base, ...given })
        } catch (error) {
          const problem = problemOf(() => {
            throw error
          })
          expect(`${problem.message} ${problem.detail} ${problem.mend}`).not.toContain(marker)
          expect(problem.mend).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+[^.]$/)
        }
      }),
      { numRuns: 300 },
    )
  })
})
