import type { Delay, Random } from '../core/io/system.ts'

/** Two repetitions, 100 to 800 ms apart: enough for a restart of one replica, too little for a herd. */
const retries = 2
const minWaitMs = 100
const maxWaitMs = 800
/** A broker that asks for more than this is not waited for here: the caller has better things to do meanwhile. */
const maxRetryAfterSeconds = 2

interface Outcome {
  readonly kind: string
  readonly status?: number | undefined
  readonly retryAfterSeconds?: number | undefined
}

/**
 * Asks again where the broker gave no decision: no answer at all, 429 or 503. Other answers are final, a 500 among
 * them, since the same request would most likely break the same way.
 */
export async function withRetries<T extends Outcome>(
  attempt: () => Promise<T>,
  deps: { readonly delay: Delay; readonly random: Random },
  signal: AbortSignal,
): Promise<T> {
  for (let repetition = 0; ; repetition += 1) {
    const outcome = await attempt()
    if (repetition >= retries || !isWorthRepeating(outcome)) return outcome
    const jitterMs = minWaitMs + deps.random() * (maxWaitMs - minWaitMs)
    await deps.delay(Math.max(jitterMs, (outcome.retryAfterSeconds ?? 0) * 1000), signal)
  }
}

function isWorthRepeating(outcome: Outcome): boolean {
  if (outcome.kind !== 'unavailable' || (outcome.retryAfterSeconds ?? 0) > maxRetryAfterSeconds) return false
  return outcome.status === undefined || outcome.status === 429 || outcome.status === 503
}
