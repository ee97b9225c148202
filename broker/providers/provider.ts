import type { Brand } from '../../core/brand.ts'
import type { WorkloadClaims } from '../../core/identity/workload.ts'
import type { Allowance } from '../../core/policy/allowance.ts'
import type { ProviderLifetime } from '../../core/policy/lifetime.ts'
import type { Secret } from '../../core/secret.ts'

export interface GrantFields {
  /** UUIDv7; becomes the token's `jti` and the key into the audit stream. */
  readonly exchangeId: string
  readonly allowance: Allowance
  readonly workload: WorkloadClaims
  readonly issuedAt: Date
  /** min(policy, request, subject token's remaining life, run deadline, provider): no token outlives it. */
  readonly expiresAt: Date
  /** The run authorisation this was decided under, if there is one. */
  readonly authorizationId: string | undefined
}

/** The right to issue one token; made by `broker/approvals/settle.ts` alone, and all that a provider takes. */
export type Grant = Brand<GrantFields, 'Grant'>

export interface IssuedToken {
  readonly accessToken: Secret
  /** As the issuer states it; nothing but `Bearer` is released. @see RFC 6749 §5.1 */
  readonly tokenType: string
  readonly expiresAt: Date
  /** Granted scopes as the issuer states them; checked against the grant before release. */
  readonly scopes: readonly string[]
  /** Issuer's own id of the token, for correlation in its logs. */
  readonly jti: string
  readonly issuer: string
}

/** Claims of an RFC 9068 access token, in the order of the contract; absent rather than empty. */
export type AccessTokenClaims = Readonly<Record<string, string | number | boolean | object>>

export type SigningAlgorithm = 'RS256' | 'ES256' | 'EdDSA'

/** What a provider may do to the world. It cannot open a socket, forget a timeout or write a log. */
export interface Upstream {
  /** Signs an access token with the built-in issuer's current key for `algorithm`. Adds `iss` and the times. */
  mint(
    claims: AccessTokenClaims,
    options: { readonly algorithm: SigningAlgorithm; readonly tokenType: 'at+jwt' | 'JWT' | 'none' } & {
      readonly issuedAt: Date
      readonly expiresAt: Date
    },
  ): Promise<{ readonly token: Secret; readonly issuer: string }>
}

/** How tokens are got from one kind of issuer: data and one function. */
export interface TokenProvider<C> {
  /** Name of the CRD field and of the metrics label. */
  readonly type: string
  readonly title: string
  /** True when `exchange` leaves the process: then an `intended` record is durable first. */
  readonly callsUpstream: boolean
  readonly lifetime: ProviderLifetime
  /** A configuration that works: for the conformance suite and the documentation. */
  readonly example: C
  exchange(grant: Grant, config: C, upstream: Upstream, signal: AbortSignal): Promise<IssuedToken>
}
