import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createDiscoveryApp } from '../../../broker/issuer/discovery-app.ts'
import { type TestIssuer, testIssuer } from './issuer-fixture.ts'

const servers: Server[] = []

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))))
})

async function serve(issuer: TestIssuer): Promise<string> {
  const server = createServer(createDiscoveryApp({ issuer }))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** As it stands: `fetch` would normalise the path first. */
function rawStatus(base: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(base, { path, agent: false }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
    })
    sent.on('error', reject)
    sent.end()
  })
}

const documents = {
  '/.well-known/openid-configuration': (issuer: TestIssuer) => issuer.discovery(),
  '/.well-known/oauth-authorization-server': (issuer: TestIssuer) => issuer.authorizationServerMetadata(),
  '/jwks': (issuer: TestIssuer) => issuer.jwks(),
  '/federation/.well-known/openid-configuration': (issuer: TestIssuer) => issuer.federationDiscovery(),
  '/.well-known/openid-configuration/federation': (issuer: TestIssuer) => issuer.federationDiscovery(),
  '/.well-known/oauth-authorization-server/federation': (issuer: TestIssuer) => issuer.federationDiscovery(),
  '/federation/jwks': (issuer: TestIssuer) => issuer.federationJwks(),
} as const

const documentsBelowAPath = {
  '/tenants/a/.well-known/openid-configuration': documents['/.well-known/openid-configuration'],
  '/.well-known/openid-configuration/tenants/a': documents['/.well-known/openid-configuration'],
  '/.well-known/oauth-authorization-server/tenants/a': documents['/.well-known/oauth-authorization-server'],
  '/tenants/a/.well-known/oauth-authorization-server': documents['/.well-known/oauth-authorization-server'],
  '/tenants/a/jwks': documents['/jwks'],
  '/tenants/a/federation/jwks': documents['/federation/jwks'],
  '/.well-known/oauth-authorization-server/tenants/a/federation':
    documents['/federation/.well-known/openid-configuration'],
} as const

describe('createDiscoveryApp', () => {
  it.each(Object.entries(documents))('serves %s, cacheable for five minutes', async (path, document) => {
    const issuer = await testIssuer()
    const response = await fetch(`${await serve(issuer)}${path}`)

    expect(response.status).toBe(200)
    expect(Buffer.from(await response.arrayBuffer()).equals(document(issuer).body)).toBe(true)
    expect(response.headers.get('content-type')).toBe(
      path.endsWith('jwks') ? 'application/jwk-set+json' : 'application/json',
    )
    expect(response.headers.get('cache-control')).toBe('public, max-age=300')
  })

  it.each(Object.entries(documentsBelowAPath))('serves %s where the issuer has a path', async (path, document) => {
    const issuer = await testIssuer(undefined, { issuerUrl: 'https://example.com/tenants/a' })
    const response = await fetch(`${await serve(issuer)}${path}`)

    expect(response.status).toBe(200)
    expect(await response.text()).toBe(document(issuer).body.toString('utf8'))
  })

  it('answers HEAD with the length and without a body', async () => {
    const issuer = await testIssuer()
    const response = await fetch(`${await serve(issuer)}/jwks`, { method: 'HEAD' })

    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe(String(issuer.jwks().body.length))
    expect(await response.text()).toBe('')
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s and says what it allows', async (method) => {
    const response = await fetch(`${await serve(await testIssuer())}/jwks`, { method })

    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD')
    expect(await response.json()).toEqual({ error: 'method_not_allowed' })
  })

  it.each([
    '/',
    '/JWKS',
    '/jwks/',
    '//jwks',
    '/federation',
    '/federation/../jwks',
    '/.well-known/openid-configuration/',
    '/token',
    '/%6awks',
    '/%zz',
    '/jwks%00',
    '/__proto__',
  ])('knows nothing at %s', async (path) => {
    expect(await rawStatus(await serve(await testIssuer()), path)).toBe(404)
  })

  it('answers what it does not know with JSON, uncached', async () => {
    const response = await fetch(`${await serve(await testIssuer())}/token`)

    expect(await response.json()).toEqual({ error: 'not_found' })
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  it('ignores a query', async () => {
    expect((await fetch(`${await serve(await testIssuer())}/jwks?x=1`)).status).toBe(200)
  })

  it('refuses every authorization request, as there is no browser flow', async () => {
    const response = await fetch(`${await serve(await testIssuer())}/authorization?response_type=code`)

    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: 'unsupported_response_type' })
  })

  it('sends security headers and does not say what it is made of', async () => {
    const { headers } = await fetch(`${await serve(await testIssuer())}/jwks`)

    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('x-powered-by')).toBeNull()
    expect(headers.get('etag')).toBeNull()
  })

  it('answers 500 in JSON, without details, when a document cannot be made', async () => {
    const issuer = await testIssuer()
    const broken = { ...issuer, jwks: () => expect.fail('no keys') }
    const response = await fetch(`${await serve(broken)}/jwks`)

    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({ error: 'server_error' })
  })
})
