import { discoveryDocument, version } from './discovery.ts'
import type { TokenIssuer } from './token.ts'

export interface Document {
  readonly text: string
  readonly headers: Record<string, string>
}

interface DocumentDeps {
  readonly issuer: TokenIssuer
  /** Where clients reach the server. */
  readonly serverUrl: string
}

/** What a GET of a path outside of the resources answers: health, version, OIDC and API discovery. */
export function documentAt(path: string, { issuer, serverUrl }: DocumentDeps): Document | undefined {
  switch (path) {
    case '/readyz':
    case '/livez':
    case '/healthz':
      return { text: 'ok', headers: { 'content-type': 'text/plain; charset=utf-8' } }
    case '/openid/v1/jwks': {
      const headers = { 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=3600' }
      return { text: JSON.stringify(issuer.jwks()), headers }
    }
    case '/.well-known/openid-configuration':
      return json(openIdConfiguration(issuer, serverUrl))
    case '/version':
      return json(version)
    default:
      return json(discoveryDocument(path))
  }
}

function json(value: object | undefined): Document | undefined {
  return value === undefined ? undefined : { text: JSON.stringify(value), headers: {} }
}

/** @see OpenID Connect Discovery 1.0 §3, as kube-apiserver fills it in */
function openIdConfiguration({ issuer }: TokenIssuer, serverUrl: string): object {
  return {
    issuer,
    jwks_uri: `${serverUrl}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  }
}
