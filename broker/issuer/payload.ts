import { epochSeconds } from '../../core/clock.ts'
import type { AccessTokenClaims, SigningAlgorithm } from '../providers/provider.ts'

export interface AssertionRequest {
  /** The provider's audience, one string. */
  readonly audience: string
  /** The workload, or the client id where the provider wants `sub` to be that. */
  readonly subject: string
  /** Default: RS256. */
  readonly algorithm?: SigningAlgorithm
  /** Default: `client-authentication+jwt`. */
  readonly tokenType?: 'client-authentication+jwt' | 'JWT'
}

export interface IssuerLimits {
  /** How far `iat` and `nbf` are put back, for verifiers whose clock is behind. */
  readonly skewSeconds: number
  readonly maxTokenLifeSeconds: number
}

type Payload = Readonly<Record<string, unknown>>

const assertionLifeSeconds = 60
const addedClaims = ['iss', 'iat', 'nbf', 'exp']

/**
 * Payload of an access token: whole seconds (Envoy takes nothing else), `iat` and `nbf` put back, `exp` exact.
 *
 * @throws TypeError when the caller says what is the issuer's to say, or when the token could outlive its key
 */
export function accessTokenPayload(
  claims: AccessTokenClaims,
  times: { readonly issuedAt: Date; readonly expiresAt: Date },
  issuer: IssuerLimits & { readonly url: string; readonly now: Date },
): Payload {
  if (addedClaims.some((name) => name in claims)) throw new TypeError('iss, iat, nbf and exp are set by the issuer')
  const exp = epochSeconds(times.expiresAt)
  if (!(exp > epochSeconds(times.issuedAt))) throw new TypeError('a token must expire after it is issued')
  if (exp > epochSeconds(issuer.now) + issuer.maxTokenLifeSeconds) throw new TypeError('a token would outlive its key')
  return { iss: issuer.url, ...claims, ...startingAt(times.issuedAt, issuer), exp }
}

/** Payload of a client assertion: one audience, 60 s. @see RFC 7523 §3 */
export function assertionPayload(
  request: AssertionRequest,
  issuer: IssuerLimits & { readonly url: string; readonly now: Date; readonly jti: string },
): Payload {
  return {
    iss: issuer.url,
    sub: request.subject,
    aud: request.audience,
    ...startingAt(issuer.now, issuer),
    exp: epochSeconds(issuer.now) + assertionLifeSeconds,
    jti: issuer.jti,
  }
}

function startingAt(at: Date, { skewSeconds }: IssuerLimits): { readonly iat: number; readonly nbf: number } {
  const start = epochSeconds(at) - skewSeconds
  return { iat: start, nbf: start }
}
