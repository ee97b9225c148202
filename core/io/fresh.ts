import type { Clock } from '../clock.ts'

/** A value from outside the process that is read again when it has grown old. */
export interface Fresh<T> {
  /** The value, at most `maxAgeMs` old where it can be read; the last good one where it cannot. */
  current(): Promise<T>
  /** Makes the next `current` read again. @returns false when the value was read just now, so that reading is no use */
  expire(): boolean
}

export interface FreshOptions {
  readonly clock: Clock
  readonly maxAgeMs: number
  /** Told of a failed read that the last good value covers. */
  readonly onError?: (error: unknown) => void
}

/** Reads follow each other at least this far apart, also when somebody calls `expire` in a loop. */
const minAgeMs = 1000

/**
 * Wraps `read` so that concurrent callers share one reading. The first reading must succeed; a later one that fails is
 * reported and the last good value stays, as files are replaced under us (a mounted Secret, a renewed token).
 */
export function createFresh<T>(read: (previous: T | undefined) => Promise<T>, options: FreshOptions): Fresh<T> {
  const { clock, maxAgeMs, onError } = options
  let held: { readonly value: T } | undefined
  let readAt = 0
  let expired = false
  let reading: Promise<T> | undefined

  const age = (): number => clock().getTime() - readAt

  async function refresh(): Promise<T> {
    try {
      held = { value: await read(held?.value) }
    } catch (error) {
      if (!held) throw error
      onError?.(error)
    } finally {
      readAt = clock().getTime()
      expired = false
    }
    return held.value
  }

  return Object.freeze({
    async current(): Promise<T> {
      if (held && !expired && age() < maxAgeMs && age() >= 0) return held.value
      reading ??= refresh().finally(() => {
        reading = undefined
      })
      return await reading
    },
    expire(): boolean {
      if (held && age() < minAgeMs && age() >= 0) return false
      expired = true
      return true
    },
  })
}
