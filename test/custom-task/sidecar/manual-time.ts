import type { Clock } from '../../../core/clock.ts'
import type { Delay } from '../../../core/io/system.ts'

/** A clock that stands still and delays that end when the test moves it. */
export interface ManualTime {
  readonly clock: Clock
  readonly delay: Delay
  /** What is being waited for, in ms from now, shortest first. */
  readonly waits: readonly number[]
  /** Moves on and ends what has been waited for. */
  advance(ms: number): void
}

interface Wait {
  readonly atMs: number
  readonly end: () => void
}

export function createManualTime(start = new Date('2026-01-01T00:00:00Z')): ManualTime {
  let nowMs = start.getTime()
  let waiting: Wait[] = []

  return {
    clock: () => new Date(nowMs),
    delay: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted()
        const wait: Wait = { atMs: nowMs + ms, end: resolve }
        waiting.push(wait)
        signal.addEventListener('abort', () => {
          waiting = waiting.filter((one) => one !== wait)
          reject(signal.reason)
        })
      }),
    get waits() {
      return waiting.map((wait) => wait.atMs - nowMs).sort((a, b) => a - b)
    },
    advance(ms: number) {
      nowMs += ms
      const due = waiting.filter((wait) => wait.atMs <= nowMs)
      waiting = waiting.filter((wait) => wait.atMs > nowMs)
      for (const wait of due) wait.end()
    },
  }
}
