export interface LruMap<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  delete(key: string): void
  readonly size: number
}

/** A map that forgets what was not used for the longest time when it grows over `maxEntries`. */
export function createLruMap<V>(maxEntries: number): LruMap<V> {
  const entries = new Map<string, V>()
  // The newest key needs no move to the end; in a pod with one token that is every single look-up.
  let newest: string | undefined

  return Object.freeze({
    get(key: string): V | undefined {
      const value = entries.get(key)
      if (value === undefined || key === newest) return value
      entries.delete(key)
      entries.set(key, value)
      newest = key
      return value
    },
    set(key: string, value: V): void {
      entries.delete(key)
      entries.set(key, value)
      newest = key
      if (entries.size <= maxEntries) return
      for (const oldest of entries.keys()) {
        entries.delete(oldest)
        break
      }
    },
    delete(key: string): void {
      entries.delete(key)
      if (newest === key) newest = undefined
    },
    get size(): number {
      return entries.size
    },
  })
}
