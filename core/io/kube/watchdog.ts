import type { Clock } from '../../clock.ts'
import type { Delay } from '../system.ts'

/** Aborts when nothing was heard for too long. */
export interface Watchdog {
  readonly signal: AbortSignal
  /** Something was heard. */
  touch(): void
  stop(): void
}

/** A stream that was silent for longer than it may be. */
class Silence extends Error {
  override readonly name = 'Silence'
}

/** Watches over one stream until `stop`, or until `outer` is aborted. */
export function createWatchdog(maxSilenceMs: number, outer: AbortSignal, clock: Clock, delay: Delay): Watchdog {
  const controller = new AbortController()
  const signal = AbortSignal.any([outer, controller.signal])
  let heardAt = clock().getTime()

  async function guard(): Promise<void> {
    for (let leftMs = maxSilenceMs; leftMs > 0; ) {
      await delay(leftMs, signal)
      leftMs = heardAt + maxSilenceMs - clock().getTime()
    }
    controller.abort(new Silence(`Nothing was heard for ${maxSilenceMs} ms`))
  }

  // Ends by rejection when the stream ends first, which is nothing to tell anybody.
  guard().catch(() => undefined)
  return Object.freeze({
    signal,
    touch: () => {
      heardAt = clock().getTime()
    },
    stop: () => controller.abort(),
  })
}
