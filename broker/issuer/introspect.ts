import type { Clock } from '../../core/clock.ts'
import type { Secret } from '../../core/secret.ts'
import type { GrantBook } from '../audit/grant-book.ts'
import type { OwnClaims } from './verify-own.ts'

/** Answer of the introspection endpoint; `active: false` says nothing else. @see RFC 7662 §2.2 */
export type Introspection =
  | { readonly active: false }
  | (OwnClaims & { readonly active: true; readonly token_type: 'Bearer' })

interface Dependencies {
  readonly verifyOwn: (token: Secret) => Promise<OwnClaims | undefined>
  readonly grants: Pick<GrantBook, 'grant' | 'isRunEnded'>
  readonly clock: Clock
}

export interface IntrospectionCaller {
  /** Whether the caller stands behind this audience; only the resource server named in `aud` may ask. */
  readonly callerMayAskAbout: (audience: string) => boolean
}

const inactive = Object.freeze({ active: false } as const)

/**
 * Makes the introspection of our own access tokens. A token is active when it is ours, unexpired, in the audit stream
 * as granted, not revoked, its run goes on and the caller may ask; a token that the stream does not know is not.
 *
 * @see RFC 7662
 */
export function createIntrospect(
  dependencies: Dependencies,
): (token: Secret, caller: IntrospectionCaller) => Promise<Introspection> {
  const { verifyOwn, grants, clock } = dependencies

  return async (token, { callerMayAskAbout }) => {
    const claims = await verifyOwn(token)
    if (claims === undefined || !callerMayAskAbout(claims.aud)) return inactive
    return isLive(claims) ? { ...claims, active: true, token_type: 'Bearer' } : inactive
  }

  function isLive(claims: OwnClaims): boolean {
    const grant = grants.grant(claims.jti)
    if (grant === undefined || grant.isRevoked || grant.audience !== claims.aud) return false
    if (grant.expiresAt <= clock()) return false
    return grant.run === undefined || !grants.isRunEnded(grant.run)
  }
}
