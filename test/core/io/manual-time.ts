import type { Clock } from '../../../core/clock.ts'
import type { Delay } from '../../../core/io/system.ts'

interface Wait {
  readonly at: number
  readonly end: () => void
}

/** A clock that stands still and delays that end when the test moves it. */
export interface ManualTime {
  readonly clock: Clock
  readonly delay: Delay
  /** What was waited for, in order. */
  readonly asked: readonly number[]
  /** Moves on, ends the delays that are due, and lets what waited for them run. */
  pass(ms: number): Promise<void>
  pending(): number
}

/** @param skipBelowMs shorter delays end at once */
export function manualTime(skipBelowMs = 0): ManualTime {
  let now = Date.UTC(2026, 0, 1)
  const asked: number[] = []
  const waits = new Set<Wait>()

  const delay: Delay = async (ms, signal) => {
    signal.throwIfAborted()
    asked.push(ms)
    if (ms < skipBelowMs) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const wait = { at: now + ms, end: resolve }
    waits.add(wait)
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    await promise.finally(() => {
      waits.delete(wait)
      signal.removeEventListener('abort', onAbort)
    })
  }

  return {
    clock: () => new Date(now),
    delay,
    asked,
    async pass(ms) {
      now += ms
      for (const wait of waits) if (wait.at <= now) wait.end()
      await new Promise((resolve) => setImmediate(resolve))
    },
    pending: () => waits.size,
  }
}
