import type { Clock } from './clock.ts'

interface Options {
  readonly ttlMs: number
  readonly maxEntries: number
  readonly clock: Clock
}

export interface ExpiringCache<V> {
  /**
   * The cached value, or what `load` yields; concurrent callers of one key share one load. A failed load is not kept,
   * and neither is a value that `mayKeep` refuses.
   */
  get(key: string, load: () => Promise<V>, mayKeep?: (value: V) => boolean): Promise<V>
  delete(key: string): void
}

interface Entry<V> {
  readonly value: Promise<V>
  readonly expiresAtMs: number
}

/** A bounded cache of positive answers. When it is full the oldest entry goes. */
export function createExpiringCache<V>({ ttlMs, maxEntries, clock }: Options): ExpiringCache<V> {
  const entries = new Map<string, Entry<V>>()

  function forget(key: string, entry: Entry<V>): void {
    if (entries.get(key) === entry) entries.delete(key)
  }

  function start(key: string, load: () => Promise<V>, mayKeep: (value: V) => boolean): Promise<V> {
    const entry: Entry<V> = { value: load(), expiresAtMs: clock().getTime() + ttlMs }
    entries.delete(key)
    entries.set(key, entry)
    const [oldest] = entries.keys()
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
    entry.value.then(
      (value) => {
        if (!mayKeep(value)) forget(key, entry)
      },
      () => forget(key, entry),
    )
    return entry.value
  }

  return Object.freeze({
    get(key: string, load: () => Promise<V>, mayKeep: (value: V) => boolean = () => true): Promise<V> {
      const entry = entries.get(key)
      if (entry !== undefined && entry.expiresAtMs > clock().getTime()) return entry.value
      return start(key, load, mayKeep)
    },
    delete(key: string): void {
      entries.delete(key)
    },
  })
}
