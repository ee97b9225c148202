import { Problem } from '../../core/problem.ts'
import type { Secret } from '../../core/secret.ts'
import type { GrantBook, LiveGrant } from '../audit/grant-book.ts'
import type { OwnClaims } from './verify-own.ts'

interface Dependencies {
  readonly verifyOwn: (token: Secret) => Promise<OwnClaims | undefined>
  readonly grants: Pick<GrantBook, 'grant'>
}

export interface RevocationCaller {
  /** Whether the token was issued to the caller, or the caller is the controller. */
  readonly callerMayRevoke: (grant: LiveGrant) => boolean
}

/**
 * Makes the judgement on a revocation request. It changes nothing: the caller records `token.revoked` for the `jti`
 * and answers 200 when that is durable. With undefined there is nothing to record and the answer is 200 as well.
 *
 * The returned function throws Problem `caller_not_allowed` when the token is somebody else's.
 *
 * @see RFC 7009 §2.1, §2.2
 */
export function createRevoke(
  dependencies: Dependencies,
): (token: Secret, caller: RevocationCaller) => Promise<LiveGrant | undefined> {
  const { verifyOwn, grants } = dependencies

  return async (token, { callerMayRevoke }) => {
    const claims = await verifyOwn(token)
    const grant = claims === undefined ? undefined : grants.grant(claims.jti)
    if (grant === undefined) return undefined
    if (!callerMayRevoke(grant)) throw new Problem('caller_not_allowed', { detail: 'the token was issued to another' })
    return grant.isRevoked ? undefined : grant
  }
}
