interface Expiring {
  readonly run: string | undefined
  readonly expiresAt: Date
}

/** Things found by their key and by their run until they expire. */
export interface ExpiringByRun<T extends Expiring> {
  /** Replaces what has the same key; the run of a key does not change. */
  put(key: string, value: T): void
  get(key: string): T | undefined
  ofRun(run: string): readonly T[]
  remove(key: string): void
  /** Forgets what expired at `now` or before. */
  sweep(now: Date): void
}

export function createExpiringByRun<T extends Expiring>(): ExpiringByRun<T> {
  const values = new Map<string, T>()
  const keysOfRuns = new Map<string, Set<string>>()

  function put(key: string, value: T): void {
    values.set(key, value)
    if (value.run === undefined) return
    const keys = keysOfRuns.get(value.run)
    if (keys === undefined) keysOfRuns.set(value.run, new Set([key]))
    else keys.add(key)
  }

  function remove(key: string): void {
    const run = values.get(key)?.run
    values.delete(key)
    if (run === undefined) return
    const keys = keysOfRuns.get(run)
    keys?.delete(key)
    if (keys?.size === 0) keysOfRuns.delete(run)
  }

  return Object.freeze({
    put,
    remove,
    get: (key: string) => values.get(key),
    ofRun(run: string) {
      return [...(keysOfRuns.get(run) ?? [])].flatMap((key) => values.get(key) ?? [])
    },
    sweep(now: Date) {
      for (const [key, { expiresAt }] of values) if (expiresAt <= now) remove(key)
    },
  })
}
