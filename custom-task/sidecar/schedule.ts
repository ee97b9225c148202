import { type Backoff, backoffMs } from '../../core/io/backoff.ts'
import type { Random } from '../../core/io/system.ts'
import type { NotGranted } from '../broker-client-answer.ts'

/** A token with less life than this is not handed out to HTTP callers any more. */
export const usableMarginMs = 30_000

/** Renewals of pods that started together spread over a fifth of the token's half life. */
const jitter = 0.1
/** A token of a few seconds must not turn the sidecar into a load generator. */
const minWaitMs = 1000

const unavailableBackoff: Backoff = { baseMs: 1000, maxMs: 30_000 }
const refusedBackoff: Backoff = { baseMs: 30_000, maxMs: 300_000 }

/** Half of the life, ± 10 %. */
export function renewAt(obtainedAt: Date, expiresAt: Date, random: Random): Date {
  const lifeMs = Math.max(0, expiresAt.getTime() - obtainedAt.getTime())
  return new Date(obtainedAt.getTime() + (lifeMs / 2) * (1 - jitter + 2 * jitter * random()))
}

/** Milliseconds until a token that was just obtained is renewed. */
export function waitAfterGrant(token: { readonly renewAt: Date }, now: Date): number {
  return Math.max(minWaitMs, token.renewAt.getTime() - now.getTime())
}

/**
 * Milliseconds until it is tried again after the `failures`-th failure in a row (counted from 0). A refusal is asked
 * again too, since people mend policies and RBAC while a run waits, but slowly, as each question is an audit record.
 */
export function waitAfterFailure(result: NotGranted, failures: number, random: Random): number {
  switch (result.kind) {
    case 'pending':
      return Math.max(minWaitMs, result.intervalSeconds * 1000)
    case 'refused':
      return backoffMs(failures, refusedBackoff, random)
    case 'unavailable':
      return Math.max(backoffMs(failures, unavailableBackoff, random), (result.retryAfterSeconds ?? 0) * 1000)
  }
}
