import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import Provider from 'oidc-provider'

/**
 * oidc-provider with a token exchange grant: verifies the same ServiceAccount tokens by the same keys and issues a JWT
 * access token. It audits nothing and asks no API server.
 *
 * Arguments: file with the cluster's JWKS, its issuer, the expected audience, RS256 or ES256.
 */
const [jwksFile = '', issuer = '', audience = '', algorithm = 'RS256'] = process.argv.slice(2)
const keys = createLocalJWKSet(JSON.parse(readFileSync(jwksFile, 'utf8')))
const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
const target = 'https://deploy.example.com'
const grant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const info = {
  scope: 'deploy:staging',
  audience: target,
  accessTokenTTL: 300,
  accessTokenFormat: 'jwt' as const,
  jwt: { sign: { alg: algorithm as 'RS256' } },
}

const provider = new Provider('http://127.0.0.1', {
  clients: [
    {
      client_id: 'bench',
      client_secret: 'only-for-this-process',
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: [grant, 'client_credentials'],
      id_token_signed_response_alg: algorithm as 'RS256',
      redirect_uris: [],
      response_types: [],
    },
  ],
  scopes: ['deploy:staging'],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: algorithm, use: 'sig', kid: 'bench' }] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: { enabled: true, defaultResource: () => target, getResourceServerInfo: () => info },
  },
})

provider.registerGrantType(
  grant,
  async (ctx) => {
    const { client, params } = ctx.oidc
    if (client === undefined) throw new Error('no client')
    await jwtVerify(String(params?.['subject_token']), keys, { issuer, audience, algorithms: ['RS256'] })
    const token = new provider.ClientCredentials({ client, scope: 'deploy:staging' })
    token.resourceServer = new provider.ResourceServer(target, info)
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: token.expiration,
      scope: 'deploy:staging',
    }
  },
  ['subject_token', 'subject_token_type', 'audience', 'scope'],
)

const server = provider.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ event: 'listening', port: (server.address() as AddressInfo).port })}\n`)
})
process.once('SIGTERM', () => process.exit(0))
