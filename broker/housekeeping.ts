import type { Logger } from 'pino'
import type { Clock } from '../core/clock.ts'
import type { Delay } from '../core/io/system.ts'
import type { GrantBook } from './audit/grant-book.ts'
import type { KeyStore } from './issuer/key-store.ts'

interface Deps {
  readonly keys: Pick<KeyStore, 'rotateIfDue'>
  /** Projections that forget what has expired. */
  readonly books: readonly Pick<GrantBook, 'sweep'>[]
  readonly clock: Clock
  readonly delay: Delay
  readonly log: Logger
}

/** In docs/architecture.md#timers */
const everyMs = 60_000

/** What has to be done now and then: rotate keys that are due, forget grants that have expired. */
export async function keepHouse({ keys, books, clock, delay, log }: Deps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(everyMs, signal).catch(() => undefined)
    if (signal.aborted) return
    for (const book of books) book.sweep(clock())
    await keys
      .rotateIfDue(signal)
      .then((change) => change !== 'unchanged' && log.info({ change }, 'signing keys changed'))
      .catch((err: unknown) => log.error({ err }, 'signing keys cannot be rotated: the present ones go on'))
  }
}
