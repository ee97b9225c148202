import { b64tokenPattern } from '../../core/oauth/vocabulary.ts'
import { Problem } from '../../core/problem.ts'
import type { GrantFields, IssuedToken } from './provider.ts'

const maxTokenLength = 16 * 1024
/** Identifiers go into audit records: one line of printable ASCII. */
const identifierPattern = /^[\x21-\x7e]{1,512}$/

/**
 * Holds a provider's answer against the grant before anything is released: a provider may give less, never more.
 *
 * @returns the same token
 * @throws Problem `provider_answer_invalid`, whose detail names the check and nothing of the answer
 */
export function checkIssued(issued: IssuedToken, grant: GrantFields): IssuedToken {
  const fault = faultOf(issued, grant)
  if (fault !== undefined) throw new Problem('provider_answer_invalid', { detail: fault })
  return issued
}

function faultOf(issued: IssuedToken, grant: GrantFields): string | undefined {
  if (issued.tokenType.toLowerCase() !== 'bearer') return 'the token type is not Bearer'
  if (issued.accessToken.length > maxTokenLength) return `the token is over ${maxTokenLength} characters`
  // Goes into an Authorization header as it is: no space, CR or LF can be in a b64token.
  if (!b64tokenPattern.test(issued.accessToken.reveal())) return 'the token is not an RFC 6750 b64token'
  if (issued.scopes.length === 0) return 'no scope was granted'
  const isGranted = (scope: string) => grant.allowance.scopes.includes(scope)
  if (!issued.scopes.every(isGranted)) return 'a scope beyond the grant was granted'
  if (!identifierPattern.test(issued.jti) || !identifierPattern.test(issued.issuer))
    return 'the issuer or token id is malformed'
  return expiryFault(issued.expiresAt, grant)
}

function expiryFault(expiresAt: Date, grant: GrantFields): string | undefined {
  const at = expiresAt.getTime()
  // NaN compares false with everything, so an invalid date is neither.
  if (!(at > grant.issuedAt.getTime())) return 'the token has no life'
  if (!(at <= grant.expiresAt.getTime())) return 'the token would outlive the grant'
  return undefined
}
