import type { Clock } from '../../core/clock.ts'
import type { Random } from '../../core/io/system.ts'
import type { Granted, NotGranted } from '../broker-client-answer.ts'
import { createLruMap } from './lru-map.ts'
import { renewAt, usableMarginMs } from './schedule.ts'
import { createSingleFlight } from './single-flight.ts'
import { type TokenTarget, targetKey } from './token-target.ts'

/** A token in memory, with the moments that its owner goes by. */
export interface CachedToken extends Granted {
  readonly obtainedAt: Date
  /** Half of its life, with jitter: from here on it is renewed in the background. */
  readonly renewAt: Date
}

export type TokenResult = { readonly kind: 'granted'; readonly token: CachedToken } | NotGranted

export interface TokenCacheDeps {
  /** One upstream exchange. */
  readonly exchange: (target: TokenTarget, signal: AbortSignal) => Promise<Granted | NotGranted>
  /** Told of every new token, whoever asked for it. */
  readonly onGranted: (key: string, token: CachedToken) => void
  readonly clock: Clock
  readonly random: Random
  /** Ends what is under way when the process stops. A caller that goes away ends nothing, others may wait too. */
  readonly lifetime: AbortSignal
}

/** Tokens by what was asked for. Equal callers share one upstream request, and a failure is not asked for again at once. */
export interface TokenCache {
  /**
   * The hot path: what is in memory and good for more than `minTtlMs` (never less than 30 s). Starts a renewal in the
   * background when the token is past its half life, unless it is one that is renewed on request only.
   */
  peek(target: TokenTarget, key: string, minTtlMs: number): CachedToken | undefined
  /** The newest token that is in memory, also one that has ended. */
  latest(key: string): CachedToken | undefined
  /** From memory, else upstream. A token that lives shorter than `minTtlMs` even when new is given as it is. */
  get(target: TokenTarget, minTtlMs: number): Promise<TokenResult>
  /** Upstream, whatever is in memory; joins a request that is under way. */
  renew(target: TokenTarget): Promise<TokenResult>
}

const maxEntries = 1000
const maxInFlight = 32
const refusedHoldMs = 5000
const unavailableHoldMs = 1000

/** Upstream requests at once; more distinct questions than this are turned away, as memory and the broker are shared. */
const overloaded: NotGranted = {
  kind: 'unavailable',
  retryAfterSeconds: 1,
  description: 'Too many different tokens are being asked for at once: try again as Retry-After says',
  status: 429,
  exchangeId: undefined,
  cause: undefined,
}

export function createTokenCache(deps: TokenCacheDeps): TokenCache {
  const { clock, random, lifetime } = deps
  const tokens = createLruMap<CachedToken>(maxEntries)
  const failures = createLruMap<{ readonly result: NotGranted; readonly untilMs: number }>(maxEntries)
  const flights = createSingleFlight<TokenResult>(maxInFlight, overloaded)

  async function fetchToken(target: TokenTarget, key: string): Promise<TokenResult> {
    const obtainedAt = clock()
    const answer = await deps.exchange(target, lifetime)
    if (answer.kind !== 'granted') {
      failures.set(key, { result: answer, untilMs: clock().getTime() + holdMs(answer) })
      return answer
    }
    const token = Object.freeze({ ...answer, obtainedAt, renewAt: renewAt(obtainedAt, answer.expiresAt, random) })
    failures.delete(key)
    tokens.set(key, token)
    deps.onGranted(key, token)
    return { kind: 'granted', token }
  }

  function heldFailure(key: string): NotGranted | undefined {
    const held = failures.get(key)
    if (held === undefined) return undefined
    if (clock().getTime() < held.untilMs) return held.result
    failures.delete(key)
    return undefined
  }

  const renew = (target: TokenTarget, key: string): Promise<TokenResult> =>
    flights.run(key, () => fetchToken(target, key))

  function peek(target: TokenTarget, key: string, minTtlMs: number): CachedToken | undefined {
    const token = tokens.get(key)
    const now = clock().getTime()
    if (token === undefined || token.expiresAt.getTime() - now <= Math.max(usableMarginMs, minTtlMs)) return undefined
    // The caller does not wait for a renewal; when it fails, the failure is held and the next caller starts none.
    const isDue = token.renewal !== 'on_request' && now >= token.renewAt.getTime()
    if (isDue && heldFailure(key) === undefined) renew(target, key).catch(() => undefined)
    return token
  }

  return Object.freeze({
    peek,
    latest: (key: string) => tokens.get(key),
    async get(target: TokenTarget, minTtlMs: number): Promise<TokenResult> {
      const key = targetKey(target)
      const token = peek(target, key, minTtlMs) ?? neverLongEnough(target, key, minTtlMs)
      return token === undefined ? (heldFailure(key) ?? (await renew(target, key))) : { kind: 'granted', token }
    },
    renew: (target: TokenTarget) => renew(target, targetKey(target)),
  })

  /** What is in memory where a new token would not satisfy the caller either: asking upstream each time is no use. */
  function neverLongEnough(target: TokenTarget, key: string, minTtlMs: number): CachedToken | undefined {
    const token = peek(target, key, 0)
    return token !== undefined && token.expiresAt.getTime() - token.obtainedAt.getTime() <= minTtlMs ? token : undefined
  }
}

function holdMs(answer: NotGranted): number {
  switch (answer.kind) {
    case 'pending':
      return answer.intervalSeconds * 1000
    case 'refused':
      return refusedHoldMs
    case 'unavailable':
      return answer.retryAfterSeconds === undefined ? unavailableHoldMs : answer.retryAfterSeconds * 1000
  }
}
