import type { Clock } from '../../clock.ts'
import type { Delay } from '../system.ts'

/** Keys with a time at which they are due; the earliest time counts. */
export interface TimedKeys {
  add(key: string, ms: number): void
  size(): number
  clear(): void
}

/** Makes the set; `due` is called once for each key when its time has come. */
export function createTimedKeys(due: (key: string) => void, clock: Clock, delay: Delay): TimedKeys {
  const timers = new Map<string, { readonly at: number; readonly cancel: AbortController }>()

  async function wait(key: string, ms: number, cancel: AbortController): Promise<void> {
    await delay(ms, cancel.signal)
    if (cancel.signal.aborted) return
    timers.delete(key)
    due(key)
  }

  return Object.freeze({
    add(key: string, ms: number): void {
      const at = clock().getTime() + ms
      const before = timers.get(key)
      if (before && before.at <= at) return
      before?.cancel.abort()
      const cancel = new AbortController()
      timers.set(key, { at, cancel })
      // Rejects only by being cancelled.
      wait(key, ms, cancel).catch(() => undefined)
    },
    size: () => timers.size,
    clear(): void {
      for (const { cancel } of timers.values()) cancel.abort()
      timers.clear()
    },
  })
}
