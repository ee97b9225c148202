import type { Random } from './system.ts'

export interface Backoff {
  /** Upper bound of the first wait. */
  readonly baseMs: number
  /** Upper bound of every wait. */
  readonly maxMs: number
}

/**
 * How long to wait before try number `attempt` (0 is the first repetition). Doubles up to the maximum; the jitter takes
 * away up to half, so that callers that failed together do not come back together and none comes back at once.
 *
 * @returns milliseconds in [bound / 2, bound]
 */
export function backoffMs(attempt: number, backoff: Backoff, random: Random): number {
  const bound = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(attempt, 30))
  return bound / 2 + (random() * bound) / 2
}
