import { backoffMs } from '../backoff.ts'
import { BodyTooLarge } from '../body.ts'
import { errorCode, isClosedClient } from '../error-code.ts'
import type { Delay, Random } from '../system.ts'
import { KubeError } from './api.ts'
import { KubeUnreachable } from './failure.ts'

/** Runs `attempt` until it succeeds, must not be repeated, or its tries are used up. */
export type Retry = <T>(call: RetryableCall, signal: AbortSignal, attempt: () => Promise<T>) => Promise<T>

export interface RetryableCall {
  readonly method: string
  readonly path: string
  readonly isRead: boolean
}

export interface RetryOptions {
  readonly delay: Delay
  readonly random: Random
  /** Called on a 401. @returns true when new credentials may help */
  readonly renew: () => boolean
}

const tries = 4
const backoff = { baseMs: 100, maxMs: 2000 } as const
/** A server that asks for more patience than this gets its answer passed on: the caller has deadlines of its own. */
const maxRetryAfterSeconds = 10

/**
 * Reads go again on 429, 5xx and broken connections, writes on 429 alone (the API server refuses those before it does
 * anything). A 401 gets one more try when the credentials can be renewed: it, too, was refused before anything happened.
 */
export function createRetry(options: RetryOptions): Retry {
  return async (call, signal, attempt) => {
    const wait = createWaits(call, options)
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        signal.throwIfAborted()
        const waitMs = wait(error)
        if (waitMs === undefined) throw asFailure(error, call)
        if (waitMs > 0) await options.delay(waitMs, signal)
      }
    }
  }
}

/** The waits of one call: milliseconds until the next try, or undefined when there is none. */
function createWaits(call: RetryableCall, options: RetryOptions): (error: unknown) => number | undefined {
  let failed = 0
  let isRenewed = false
  return (error) => {
    if (!isRenewed && error instanceof KubeError && error.status === 401 && options.renew()) {
      isRenewed = true
      return 0
    }
    failed += 1
    if (failed >= tries || !isRepeatable(error, call.isRead)) return undefined
    const jitterMs = backoffMs(failed - 1, backoff, options.random)
    const asked = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) : 0
    return asked > maxRetryAfterSeconds ? undefined : asked * 1000 + jitterMs
  }
}

function isRepeatable(error: unknown, isRead: boolean): boolean {
  if (error instanceof KubeError) return error.status === 429 || (isRead && error.status >= 500)
  return isRead && !(error instanceof BodyTooLarge) && !isClosedClient(error)
}

/** What the transport threw, with the name of the call; its own message could hold anything. */
function asFailure(error: unknown, call: RetryableCall): unknown {
  if (error instanceof KubeError || error instanceof KubeUnreachable) return error
  const why = errorCode(error) ?? (error instanceof Error ? error.name : 'unknown')
  return new KubeUnreachable(`${call.method} ${call.path} failed: ${why}`, { cause: error })
}
