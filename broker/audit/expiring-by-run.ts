interface Expiring {
  readonly runUid: string | undefined
  readonly expiresAt: Date
}

/** Things found by their key and by their run until they expire. */
export interface ExpiringByRun<T extends Expiring> {
  /** Replaces what has the same key; the run of a key does not change. */
  put(key: string, value: T): void
  get(key: string): T | undefined
  ofRun(runUid: string): readonly T[]
  remove(key: string): void
  /** Forgets what expired at `now` or before. */
  sweep(now: Date): void
}

export function createExpiringByRun<T extends Expiring>(): ExpiringByRun<T> {
  const values = new Map<string, T>()
  const keysOfRuns = new Map<string, Set<string>>()

  function put(key: string, value: T): void {
    values.set(key, value)
    if (value.runUid === undefined) return
    const keys = keysOfRuns.get(value.runUid)
    if (keys === undefined) keysOfRuns.set(value.runUid, new Set([key]))
    else keys.add(key)
  }

  function remove(key: string): void {
    const runUid = values.get(key)?.runUid
    values.delete(key)
    if (runUid === undefined) return
    const keys = keysOfRuns.get(runUid)
    keys?.delete(key)
    if (keys?.size === 0) keysOfRuns.delete(runUid)
  }

  return Object.freeze({
    put,
    remove,
    get: (key: string) => values.get(key),
    ofRun(runUid: string) {
      return [...(keysOfRuns.get(runUid) ?? [])].flatMap((key) => values.get(key) ?? [])
    },
    sweep(now: Date) {
      for (const [key, { expiresAt }] of values) if (expiresAt <= now) remove(key)
    },
  })
}
