import { backoffMs } from '../backoff.ts'
import type { Random } from '../system.ts'

/** How often each key has failed, and so how long it waits. */
export interface KeyBackoff {
  /** Counts a failure. @returns milliseconds: 5, doubling to 60,000, with jitter */
  next(key: string): number
  /** The key did well, or is gone. */
  forget(key: string): void
}

const bounds = { baseMs: 5, maxMs: 60_000 } as const

export function createKeyBackoff(random: Random): KeyBackoff {
  const failures = new Map<string, number>()
  return Object.freeze({
    next(key: string): number {
      const failed = failures.get(key) ?? 0
      failures.set(key, failed + 1)
      return backoffMs(failed, bounds, random)
    },
    forget: (key: string) => void failures.delete(key),
  })
}
