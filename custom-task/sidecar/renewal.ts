import type { Clock } from '../../core/clock.ts'
import type { Delay, Random } from '../../core/io/system.ts'
import type { NotGranted } from '../broker-client-answer.ts'
import { waitAfterFailure, waitAfterGrant } from './schedule.ts'
import type { CachedToken, TokenCache } from './token-cache.ts'
import { type TokenTarget, targetKey } from './token-target.ts'

export interface RenewalDeps {
  readonly cache: Pick<TokenCache, 'peek' | 'latest' | 'renew'>
  /** Told of every failed attempt; new tokens are told by the cache. */
  readonly onFailure: (result: NotGranted) => void
  readonly clock: Clock
  readonly delay: Delay
  readonly random: Random
}

/** What the files of an agent's token say once it has ended. */
const endedUnasked: NotGranted = {
  kind: 'refused',
  error: 'expired_token',
  description:
    'The token of an automated agent has ended: ask for a new one at TOKENBROKER_URL/token when it is needed',
  status: 400,
  exchangeId: undefined,
}
/** How long the files of a token may be there after its end, where a step asked for it meanwhile. */
const lookAgainMs = 5000

/**
 * Keeps one token fresh until `signal` is aborted; never gives up, as a broker comes back and people mend policies. That of
 * an agent is got once, and then left to whoever asks.
 */
export async function keepFresh(target: TokenTarget, deps: RenewalDeps, signal: AbortSignal): Promise<void> {
  const { cache, clock, random } = deps
  const key = targetKey(target)
  let failures = 0
  let endsAtMs = 0
  let ended: CachedToken | undefined

  function awaitRequest(token: CachedToken): number {
    const leftMs = token.expiresAt.getTime() - clock().getTime()
    if (leftMs > 0) return leftMs
    if (ended !== token) deps.onFailure(endedUnasked)
    ended = token
    return lookAgainMs
  }

  async function attempt(): Promise<number> {
    const latest = cache.latest(key)
    if (latest?.renewal === 'on_request') return awaitRequest(latest)
    const known = cache.peek(target, key, 0)
    const isFresh = known !== undefined && known.renewAt.getTime() > clock().getTime()
    const result = isFresh ? ({ kind: 'granted', token: known } as const) : await cache.renew(target)
    if (result.kind === 'granted') {
      failures = 0
      endsAtMs = result.token.expiresAt.getTime()
      return result.token.renewal === 'on_request' ? awaitRequest(result.token) : waitAfterGrant(result.token, clock())
    }
    deps.onFailure(result)
    const waitMs = waitAfterFailure(result, failures, random)
    failures += 1
    // Awake when the old token ends, so that its files go away on time.
    const leftMs = endsAtMs - clock().getTime()
    return leftMs > 0 ? Math.min(waitMs, leftMs) : waitMs
  }

  while (!signal.aborted) {
    await deps.delay(await attempt(), signal)
  }
}
