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
  readonly askedAtMs: number
}

/** A bounded cache of positive answers. When it is full the oldest entry goes. */
export function createExpiringCache<V>({ ttlMs, maxEntries, clock }: Options): ExpiringCache<V> {
  const entries = new Map<string, Entry<V>>()

  function forget(key: string, entry: Entry<V>): void {
    if (entries.get(key) === entry) entries.delete(key)
  }

  /** A clock that was put back must not keep an answer alive: one from the future is as good as none. */
  function isFresh({ askedAtMs }: Entry<V>): boolean {
    const ageMs = clock().getTime() - askedAtMs
    return ageMs >= 0 && ageMs < ttlMs
  }

  function start(key: string, load: () => Promise<V>, mayKeep: (value: V) => boolean): Promise<V> {
    const entry: Entry<V> = { value: load(), askedAtMs: clock().getTime() }
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
      if (entry !== undefined && isFresh(entry)) return entry.value
      return start(key, load, mayKeep)
    },
    delete(key: string): void {
      entries.delete(key)
    },
  })
}
