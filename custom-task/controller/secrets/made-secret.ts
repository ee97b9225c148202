import { rfc3339 } from '../../../core/clock.ts'
import type { Granted } from '../../broker-client-answer.ts'
import type { HeldSecret, MadeSecret } from './held-secret.ts'

/** A mounted Secret reaches its pod within a minute or so; renewing more often than this would only load the API server. */
const minRenewalMs = 10_000

/** The note of a Secret that has just been filled: renewed at half of the token's life. */
export function madeSecret({ name, policy }: HeldSecret, uid: string, token: Granted, now: Date): MadeSecret {
  const lifeMs = token.expiresAt.getTime() - now.getTime()
  const afterMs = Math.max(minRenewalMs, lifeMs / 2)
  return {
    name,
    ...(policy === undefined ? {} : { policy }),
    uid,
    exchangeId: token.exchangeId ?? '',
    expiresAt: rfc3339(token.expiresAt),
    ...(afterMs < lifeMs ? { renewAt: rfc3339(new Date(now.getTime() + afterMs)) } : {}),
  }
}

/** The same Secret, whose token is left to end. */
export function withoutRenewal({ renewAt: _, ...secret }: HeldSecret): HeldSecret {
  return secret
}
