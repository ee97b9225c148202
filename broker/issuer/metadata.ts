import { grantTypes } from '../../core/oauth/vocabulary.ts'
import type { SigningAlgorithm } from '../providers/provider.ts'

export interface IssuerEndpoints {
  readonly token: string
  readonly introspection: string
  readonly revocation: string
}

/** Claims of an access token, in the order of the contract; a list that only grows. */
export const accessTokenClaimNames = [
  'iss',
  'aud',
  'sub',
  'client_id',
  'azp',
  'scope',
  'iat',
  'nbf',
  'exp',
  'jti',
  'namespace',
  'pipeline',
  'pipeline_run',
  'pipeline_run_uid',
  'task',
  'task_run',
  'initiator',
  'agent',
  'assurance',
  'act',
] as const

const assertionClaimNames = ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti'] as const

interface Description {
  readonly issuer: string
  readonly endpoints: IssuerEndpoints
  readonly algorithms: readonly SigningAlgorithm[]
}

/**
 * Metadata of the authorization server.
 *
 * @see RFC 8414 §2
 */
export function serverMetadata({ issuer, endpoints }: Omit<Description, 'algorithms'>): object {
  return {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    token_endpoint: endpoints.token,
    introspection_endpoint: endpoints.introspection,
    revocation_endpoint: endpoints.revocation,
    grant_types_supported: [grantTypes.tokenExchange, grantTypes.jwtBearer],
    response_types_supported: ['none'],
    // The subject token says who asks; at the other two a projected token does, as Authorization: Bearer.
    token_endpoint_auth_methods_supported: ['none'],
    introspection_endpoint_auth_methods_supported: ['Bearer'],
    revocation_endpoint_auth_methods_supported: ['Bearer'],
  }
}

/**
 * The same for clients that know OpenID Connect Discovery only. What it requires and we do not have is said the way
 * Kubernetes says it for its own tokens, since cloud providers take that.
 *
 * @see OpenID Connect Discovery 1.0 §3
 */
export function discoveryMetadata({ issuer, endpoints, algorithms }: Description): object {
  return {
    ...serverMetadata({ issuer, endpoints }),
    ...openIdMembers(issuer, algorithms),
    claims_supported: accessTokenClaimNames,
  }
}

/** Discovery of the issuer of client assertions: keys, and no endpoint that would issue anything. */
export function federationMetadata(issuer: string, algorithms: readonly SigningAlgorithm[]): object {
  return {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    ...openIdMembers(issuer, algorithms),
    claims_supported: assertionClaimNames,
  }
}

function openIdMembers(issuer: string, algorithms: readonly SigningAlgorithm[]): object {
  return {
    authorization_endpoint: authorizationEndpoint(issuer),
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms,
  }
}

/** OpenID Connect Discovery demands one and strict parsers insist; ours answers `unsupported_response_type`. */
export function authorizationEndpoint(issuer: string): string {
  return `${issuer}/authorization`
}
