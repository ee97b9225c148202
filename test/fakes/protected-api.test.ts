import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ProtectedApi, startProtectedApi } from './protected-api.ts'

const audience = 'https://deploy.example.com'

interface Key {
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

async function makeKey(alg: string): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  return { alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid: alg, alg, use: 'sig' } }
}

describe('startProtectedApi', () => {
  let rs256: Key
  let es256: Key
  let foreign: Key
  let issuerServer: Server
  let issuer: string
  let isDown = false
  let isActive = true
  let discoveries = 0
  let api: ProtectedApi

  beforeAll(async () => {
    ;[rs256, es256, foreign] = await Promise.all([makeKey('RS256'), makeKey('ES256'), makeKey('ES256')])
    issuerServer = createServer((request, response) => {
      if (request.url === '/.well-known/openid-configuration') discoveries += 1
      const documents: Readonly<Record<string, object>> = {
        '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/jwks` },
        '/jwks': { keys: [rs256.jwk, es256.jwk] },
        '/introspect': { active: isActive },
      }
      response.writeHead(isDown ? 503 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(documents[request.url ?? ''] ?? {}))
    })
    await new Promise<void>((resolve) => issuerServer.listen(0, '127.0.0.1', resolve))
    issuer = `http://127.0.0.1:${(issuerServer.address() as AddressInfo).port}`
  })
  afterAll(() => issuerServer.closeAllConnections())
  beforeEach(async () => {
    isDown = false
    isActive = true
    discoveries = 0
    api = await startProtectedApi({
      issuer,
      audience,
      scopes: { 'POST /rollouts': 'deploy:staging' },
      introspection: { url: `${issuer}/introspect`, bearer: async () => 'own-token' },
    })
    return () => api.close()
  })

  function token(claims: object = {}, { alg, privateKey }: Key = rs256, header: object = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const defaults = {
      iss: issuer,
      aud: audience,
      sub: 'system:serviceaccount:payments:deployer',
      scope: 'deploy:staging',
      jti: 'exchange-1',
      iat: now,
      exp: now + 300,
    }
    return new SignJWT({ ...defaults, ...claims })
      .setProtectedHeader({ alg, kid: alg, typ: 'at+jwt', ...header })
      .sign(privateKey)
  }

  async function post(authorization: string | undefined, path = '/rollouts'): Promise<Response> {
    return fetch(`${api.url}${path}`, { method: 'POST', headers: authorization === undefined ? {} : { authorization } })
  }

  it('lets in tokens of either algorithm and type, discovering the issuer once', async () => {
    const answers = [
      await post(`Bearer ${await token()}`),
      await post(`Bearer ${await token({ jti: 'exchange-2' }, es256, { typ: 'JWT' })}`),
    ]

    expect(answers.map(({ status }) => status)).toEqual([201, 201])
    expect(api.accepted.map(({ jti }) => jti)).toEqual(['exchange-1', 'exchange-2'])
    expect(discoveries).toBe(1)
  })

  it.each([
    ['another audience', { aud: 'https://other.example.com' }],
    ['another issuer', { iss: 'https://other.example.com' }],
    ['a past end', { exp: 1 }],
    ['no end', { exp: undefined }],
  ])('refuses %s with 401 invalid_token', async (_what, claims) => {
    const answer = await post(`Bearer ${await token(claims)}`)

    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="rollouts", error="invalid_token", /)
    expect(api.accepted).toHaveLength(0)
  })

  it('refuses a foreign key, another type of token and one that was revoked', async () => {
    const byForeignKey = await post(`Bearer ${await token({}, foreign)}`)
    const subjectToken = await post(`Bearer ${await token({}, rs256, { typ: 'kb+jwt' })}`)
    isActive = false
    const revoked = await post(`Bearer ${await token()}`)

    expect([byForeignKey.status, subjectToken.status, revoked.status]).toEqual([401, 401, 401])
  })

  it('names the scope that is missing', async () => {
    const answer = await post(`Bearer ${await token({ scope: 'deploy:production' })}`)

    expect(answer.status).toBe(403)
    expect(answer.headers.get('www-authenticate')).toContain('error="insufficient_scope"')
    expect(answer.headers.get('www-authenticate')).toContain('scope="deploy:staging"')
  })

  it('challenges without an error when there is no token, and calls nonsense malformed', async () => {
    const none = await post(undefined)

    expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="rollouts"'])
    expect((await post('Basic YTpi')).status).toBe(400)
    expect((await post(undefined, `/rollouts?access_token=${await token()}`)).status).toBe(400)
    expect((await post(undefined, '/other')).status).toBe(404)
  })

  it('answers 503, not 401, while the issuer cannot be reached', async () => {
    isDown = true
    const answer = await post(`Bearer ${await token()}`)

    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
  })
})
