import { decodeJwt, decodeProtectedHeader, type JWTVerifyOptions, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { ringKeys } from '../../../broker/issuer/key-ring.ts'
import { Secret } from '../../../core/secret.ts'
import {
  allAlgorithms,
  deployClaims,
  freshRing,
  later,
  parseDocument,
  start,
  testIssuer,
  verifierKeys,
} from './issuer-fixture.ts'

const mintOptions = { algorithm: 'ES256', tokenType: 'at+jwt', issuedAt: start, expiresAt: later(300) } as const
const assertionRequest = { audience: 'https://idp.example.com', subject: deployClaims.sub, algorithm: 'ES256' } as const
const allKeys = freshRing(allAlgorithms)
const month = 30 * 86_400

describe('mint', () => {
  it.each([
    ['RS256', 'at+jwt'],
    ['RS256', 'none'],
    ['ES256', 'JWT'],
    ['EdDSA', 'at+jwt'],
  ] as const)(
    'makes a %s token of type %s that a verifier takes by the published keys',
    async (algorithm, tokenType) => {
      const issuer = await testIssuer(await allKeys, { signInBackground: true })

      const { token } = await issuer.mint(deployClaims, { ...mintOptions, algorithm, tokenType })

      const expected: JWTVerifyOptions = {
        issuer: 'https://broker.example.com',
        audience: deployClaims.aud,
        algorithms: [algorithm],
        currentDate: start,
        requiredClaims: ['exp', 'iat', 'nbf', 'jti', 'client_id', 'scope'],
        ...(tokenType === 'none' ? {} : { typ: tokenType }),
      }
      const { payload, protectedHeader } = await jwtVerify(token.reveal(), verifierKeys(issuer.jwks()), expected)
      expect(payload).toEqual({
        iss: 'https://broker.example.com',
        ...deployClaims,
        iat: start.getTime() / 1000 - 30,
        nbf: start.getTime() / 1000 - 30,
        exp: start.getTime() / 1000 + 300,
      })
      expect('typ' in protectedHeader).toBe(tokenType !== 'none')
    },
  )

  it('writes whole seconds, and never a later end than it was told', async () => {
    const issuer = await testIssuer()
    const times = { issuedAt: later(0.999), expiresAt: later(300.999) }

    const { token } = await issuer.mint(deployClaims, { ...mintOptions, ...times })

    const base = start.getTime() / 1000
    expect(decodeJwt(token.reveal())).toMatchObject({ iat: base - 30, nbf: base - 30, exp: base + 300 })
  })

  it('puts iat and nbf back by the skew it was given', async () => {
    const issuer = await testIssuer(undefined, { skewSeconds: 5 })

    const { token } = await issuer.mint(deployClaims, mintOptions)

    expect(decodeJwt(token.reveal()).nbf).toBe(start.getTime() / 1000 - 5)
  })

  it.each(['iss', 'iat', 'nbf', 'exp'])('refuses a claim %s from its caller', async (name) => {
    const issuer = await testIssuer()

    await expect(issuer.mint({ ...deployClaims, [name]: 1 }, mintOptions)).rejects.toThrow(TypeError)
  })

  it('refuses a token without life, and one that would outlive its key', async () => {
    const issuer = await testIssuer()

    await expect(issuer.mint(deployClaims, { ...mintOptions, expiresAt: start })).rejects.toThrow(TypeError)
    const beyond = { ...mintOptions, expiresAt: later(86_401) }
    await expect(issuer.mint(deployClaims, beyond)).rejects.toThrow(TypeError)
  })

  it('refuses an algorithm that it has no key for', async () => {
    const issuer = await testIssuer()

    await expect(issuer.mint(deployClaims, { ...mintOptions, algorithm: 'RS256' })).rejects.toThrow(TypeError)
  })

  it('keeps tokens verifiable across a rotation, by the keys of before and after', async () => {
    const issuer = await testIssuer()
    await issuer.pass(month - 86_400)
    const keysBefore = verifierKeys(issuer.jwks())
    const times = { issuedAt: later(month - 60), expiresAt: later(month + 240) }
    await issuer.pass(86_340)
    const { token: early } = await issuer.mint(deployClaims, { ...mintOptions, ...times })

    await issuer.pass(120)
    const { token: late } = await issuer.mint(deployClaims, { ...mintOptions, ...times })

    const keysAfter = verifierKeys(issuer.jwks())
    const options = { currentDate: issuer.now }
    expect(decodeProtectedHeader(late.reveal()).kid).not.toBe(decodeProtectedHeader(early.reveal()).kid)
    for (const keys of [keysBefore, keysAfter]) {
      await expect(jwtVerify(early.reveal(), keys, options)).resolves.toBeDefined()
      await expect(jwtVerify(late.reveal(), keys, options)).resolves.toBeDefined()
    }
  })
})

describe('assertion', () => {
  it('is for one audience, lives a minute and carries a fresh jti', async () => {
    const issuer = await testIssuer()

    const first = await issuer.assertion(assertionRequest)
    const second = await issuer.assertion(assertionRequest)

    const { payload, protectedHeader } = await jwtVerify(first.reveal(), verifierKeys(issuer.federationJwks()), {
      issuer: 'https://broker.example.com/federation',
      audience: 'https://idp.example.com',
      typ: 'client-authentication+jwt',
      currentDate: start,
    })
    expect(payload).toEqual({
      iss: 'https://broker.example.com/federation',
      sub: deployClaims.sub,
      aud: 'https://idp.example.com',
      iat: start.getTime() / 1000 - 30,
      nbf: start.getTime() / 1000 - 30,
      exp: start.getTime() / 1000 + 60,
      jti: 'id-1',
    })
    expect(protectedHeader.typ).toBe('client-authentication+jwt')
    expect(decodeJwt(second.reveal()).jti).toBe('id-2')
  })

  it('is RS256 where nothing else is asked for, and of type JWT on demand', async () => {
    const issuer = await testIssuer({ access: ['ES256'], federation: ['RS256'] })

    const { audience, subject } = assertionRequest
    const token = await issuer.assertion({ audience, subject, tokenType: 'JWT' })

    expect(decodeProtectedHeader(token.reveal())).toMatchObject({ alg: 'RS256', typ: 'JWT' })
  })
})

describe('the two issuers', () => {
  it('share no key', async () => {
    const { ring } = await testIssuer()

    const access = ringKeys(ring, 'access').map((key) => key.kid)
    const federation = ringKeys(ring, 'federation').map((key) => key.kid)
    expect(new Set([...access, ...federation]).size).toBe(access.length + federation.length)
  })

  it('never let an access token pass as an assertion', async () => {
    const issuer = await testIssuer()
    const { token } = await issuer.mint(deployClaims, { ...mintOptions, tokenType: 'JWT' })

    const verification = jwtVerify(token.reveal(), verifierKeys(issuer.federationJwks()), { currentDate: start })

    await expect(verification).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' })
  })

  it('never let an assertion pass as an access token', async () => {
    const issuer = await testIssuer()
    const token = await issuer.assertion({ ...assertionRequest, tokenType: 'JWT' })

    const verification = jwtVerify(token.reveal(), verifierKeys(issuer.jwks()), { currentDate: start })

    await expect(verification).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' })
    expect(await issuer.verifyOwn(token)).toBeUndefined()
  })
})

describe('the published documents', () => {
  it('hold public members only, one algorithm for each key, and nothing twice', async () => {
    const issuer = await testIssuer(await allKeys)

    for (const document of [issuer.jwks(), issuer.federationJwks()]) {
      const { keys } = parseDocument(document) as { keys: Record<string, string>[] }
      for (const key of keys) {
        expect(Object.keys(key).filter((name) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].includes(name))).toEqual([])
        expect(key).toMatchObject({ use: 'sig', kid: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) })
        expect(key['alg']).toBe({ RSA: 'RS256', EC: 'ES256', OKP: 'EdDSA' }[key['kty'] ?? ''])
      }
      expect(new Set(keys.map((key) => key['kid'])).size).toBe(keys.length)
    }
  })

  it('stay the same bytes until the keys change', async () => {
    const issuer = await testIssuer()
    const before = issuer.jwks()
    expect(issuer.jwks()).toBe(before)

    await issuer.pass(month)

    expect(issuer.jwks().body.equals(before.body)).toBe(false)
    expect(issuer.jwks()).toBe(issuer.jwks())
  })

  it('describe the authorization server as RFC 8414 says', async () => {
    const issuer = await testIssuer(await allKeys)

    expect(parseDocument(issuer.authorizationServerMetadata())).toEqual({
      issuer: 'https://broker.example.com',
      jwks_uri: 'https://broker.example.com/jwks',
      token_endpoint: 'https://broker.internal/token',
      introspection_endpoint: 'https://broker.internal/introspect',
      revocation_endpoint: 'https://broker.internal/revoke',
      grant_types_supported: [
        'urn:ietf:params:oauth:grant-type:token-exchange',
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
      ],
      response_types_supported: ['none'],
      token_endpoint_auth_methods_supported: ['none'],
      introspection_endpoint_auth_methods_supported: ['Bearer'],
      revocation_endpoint_auth_methods_supported: ['Bearer'],
    })
  })

  it('have every member that OpenID Connect Discovery requires, and no empty list', async () => {
    const issuer = await testIssuer(await allKeys)

    for (const document of [issuer.discovery(), issuer.federationDiscovery()].map(parseDocument)) {
      for (const name of [
        'issuer',
        'authorization_endpoint',
        'jwks_uri',
        'response_types_supported',
        'subject_types_supported',
        'id_token_signing_alg_values_supported',
      ]) {
        expect(document).toHaveProperty(name)
      }
      expect(document['id_token_signing_alg_values_supported']).toContain('RS256')
      expect(document['jwks_uri']).toBe(`${document['issuer']}/jwks`)
      expect(Object.values(document).filter((value) => Array.isArray(value) && value.length === 0)).toEqual([])
    }
    expect(parseDocument(issuer.federationDiscovery())['issuer']).toBe('https://broker.example.com/federation')
    expect(parseDocument(issuer.federationDiscovery())).not.toHaveProperty('token_endpoint')
  })
})

describe('verifyOwn', () => {
  const at = (times: object) => ({ ...mintOptions, ...times })

  it('gives the claims of a token of ours, also of one signed before a rotation', async () => {
    const issuer = await testIssuer()
    await issuer.pass(month - 10)
    const { token } = await issuer.mint(deployClaims, at({ issuedAt: issuer.now, expiresAt: later(300, issuer.now) }))
    await issuer.pass(20)

    expect(await issuer.verifyOwn(token)).toMatchObject(deployClaims)
  })

  it.each([
    [299, true],
    [300, false],
  ])('%i s into a life of 300 s: ours %s', async (seconds, expected) => {
    const issuer = await testIssuer()
    const { token } = await issuer.mint(deployClaims, mintOptions)

    await issuer.pass(seconds)

    expect((await issuer.verifyOwn(token)) !== undefined).toBe(expected)
  })

  it('does not know a token of another issuer, even with its own name', async () => {
    const issuer = await testIssuer()
    const other = await testIssuer()
    const { token } = await other.mint(deployClaims, mintOptions)

    expect(await issuer.verifyOwn(token)).toBeUndefined()
  })

  it('refuses every other text of the same token', async () => {
    const issuer = await testIssuer()
    const text = (await issuer.mint(deployClaims, mintOptions)).token.reveal()
    const [header = '', payload = '', signature = ''] = text.split('.')
    const others = [
      `${text}\n`,
      ` ${text}`,
      `${text}==`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      `${text}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -1)}${signature.endsWith('A') ? 'B' : 'A'}`,
      '',
      'a.b.c',
      'x'.repeat(20_000),
    ]

    for (const other of others) expect(await issuer.verifyOwn(new Secret(other))).toBeUndefined()
    expect(await issuer.verifyOwn(new Secret(text))).toBeDefined()
  })

  it('refuses a token with claims missing that every token of ours has', async () => {
    const issuer = await testIssuer()
    const { jti: _, ...incomplete } = deployClaims
    const { token } = await issuer.mint(incomplete, mintOptions)

    expect(await issuer.verifyOwn(token)).toBeUndefined()
  })
})

describe('createIssuer', () => {
  it.each([-1, 61, 0.5, Number.NaN])('refuses a skew of %d s', async (skewSeconds) => {
    await expect(testIssuer(undefined, { skewSeconds })).rejects.toThrow(TypeError)
  })
})
