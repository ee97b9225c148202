/** Grant types that the token endpoint knows. @see RFC 8693 §2.1, RFC 7523 §2.1 */
export const grantTypes = {
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  jwtBearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  clientCredentials: 'client_credentials',
} as const

/** Token type identifiers. @see RFC 8693 §3; ours are `customRun`, a reference, and `awsCredentials`, a set of three. */
export const tokenTypes = {
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  customRun: 'urn:tokenbroker:params:token-type:customrun',
  awsCredentials: 'urn:tokenbroker:params:token-type:aws-credentials',
} as const

/** Error codes that leave our endpoints. @see RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 8628 §3.5 */
export type OAuthError =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'access_denied'
  | 'authorization_pending'
  | 'slow_down'
  | 'expired_token'
  | 'server_error'
  | 'temporarily_unavailable'

/** One scope. @see RFC 6749 §3.3 `scope-token` */
export const scopeTokenPattern = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** What may stand in an `Authorization: Bearer` header. @see RFC 6750 §2.1 `b64token` */
export const b64tokenPattern = /^[A-Za-z0-9\-._~+/]+=*$/
