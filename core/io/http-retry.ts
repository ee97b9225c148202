import { backoffMs } from './backoff.ts'
import { BodyTooLarge } from './body.ts'
import { errorCode, isClosedClient } from './error-code.ts'
import type { Delay, Random } from './system.ts'

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case; repeated ones joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  /** Parsed JSON; undefined for any other content, an empty body included. */
  readonly body: unknown
}

export interface HttpRetry {
  readonly method: 'GET' | 'POST'
  /** How many times to try again. */
  readonly retries: number
  readonly retryAfterSeconds: (answer: HttpAnswer) => number | undefined
  readonly delay: Delay
  readonly random: Random
}

const backoff = { baseMs: 200, maxMs: 800 } as const
/** A server that asks for more patience than this gets its answer passed on. */
const maxRetryAfterSeconds = 10

/**
 * Repeats `attempt` when nothing can have happened: no connection came about, or the answer is 429 or 503 with the OAuth
 * error `temporarily_unavailable`. A GET also after a broken connection and any 429, 502, 503 or 504.
 */
export async function withHttpRetry(
  options: HttpRetry,
  signal: AbortSignal,
  attempt: () => Promise<HttpAnswer>,
): Promise<HttpAnswer> {
  for (let tried = 0; tried < options.retries; tried += 1) {
    const outcome = await settle(attempt)
    signal.throwIfAborted()
    const waitMs = outcome.isOk ? afterAnswer(options, outcome.answer) : afterFailure(options, outcome.error)
    if (waitMs === undefined) {
      if (outcome.isOk) return outcome.answer
      throw outcome.error
    }
    await options.delay(waitMs + backoffMs(tried, backoff, options.random), signal)
  }
  return await attempt()
}

type Outcome = { readonly isOk: true; readonly answer: HttpAnswer } | { readonly isOk: false; readonly error: unknown }

async function settle(attempt: () => Promise<HttpAnswer>): Promise<Outcome> {
  try {
    return { isOk: true, answer: await attempt() }
  } catch (error) {
    return { isOk: false, error }
  }
}

function afterAnswer(options: HttpRetry, answer: HttpAnswer): number | undefined {
  const asked = options.retryAfterSeconds(answer) ?? 0
  return asked <= maxRetryAfterSeconds && isRepeatableAnswer(options.method, answer) ? asked * 1000 : undefined
}

function isRepeatableAnswer(method: HttpRetry['method'], answer: HttpAnswer): boolean {
  if (method === 'GET') return [429, 502, 503, 504].includes(answer.status)
  const { body } = answer
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined
  return (answer.status === 429 || answer.status === 503) && error === 'temporarily_unavailable'
}

/** The request never left: no socket came about. */
const unsent = [
  'ECONNREFUSED',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]

function afterFailure(options: HttpRetry, error: unknown): number | undefined {
  if (error instanceof BodyTooLarge || isClosedClient(error)) return undefined
  return options.method === 'GET' || unsent.includes(errorCode(error) ?? '') ? 0 : undefined
}
