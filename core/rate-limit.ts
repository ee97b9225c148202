import type { Clock } from './clock.ts'

interface Options {
  readonly perSecond: number
  readonly burst: number
  /** Keys that are remembered; when there are more, the one that asked longest ago is forgotten. */
  readonly maxKeys: number
  readonly clock: Clock
}

/** True while the key is within its rate; takes one from its bucket. */
export type RateLimit = (key: string) => boolean

interface Bucket {
  level: number
  atMs: number
}

/** A token bucket for each key. */
export function createRateLimit({ perSecond, burst, maxKeys, clock }: Options): RateLimit {
  const buckets = new Map<string, Bucket>()

  function forgetIdlest(): void {
    const [idlest] = buckets.keys()
    if (idlest !== undefined) buckets.delete(idlest)
  }

  function bucketOf(key: string, nowMs: number): Bucket {
    const bucket = buckets.get(key) ?? { level: burst, atMs: nowMs }
    // Taken out and put back at the end, so that the first key is always the idlest.
    buckets.delete(key)
    buckets.set(key, bucket)
    if (buckets.size > maxKeys) forgetIdlest()
    return bucket
  }

  return function isWithinRate(key) {
    const nowMs = clock().getTime()
    const bucket = bucketOf(key, nowMs)
    const elapsedSeconds = Math.max(0, nowMs - bucket.atMs) / 1000
    bucket.level = Math.min(burst, bucket.level + elapsedSeconds * perSecond)
    bucket.atMs = nowMs
    if (bucket.level < 1) return false
    bucket.level -= 1
    return true
  }
}
