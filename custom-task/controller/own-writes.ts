import { keyOf, type OurRun } from './our-run.ts'

/**
 * What we wrote ourselves and the cache may not have yet: working on the older form would ask the broker a second time.
 */
export interface OwnWrites {
  /** The newest form of a cached CustomRun. */
  newest(cached: OurRun): OurRun
  wrote(before: OurRun, after: OurRun): void
  forget(key: string): void
}

interface Entry {
  /** Resource versions that `latest` is known to follow. */
  readonly superseded: ReadonlySet<string>
  readonly latest: OurRun
}

/** Resource versions are only ever compared for equality, as Kubernetes promises no more. */
export function createOwnWrites(): OwnWrites {
  const entries = new Map<string, Entry>()
  return Object.freeze({
    newest(cached: OurRun): OurRun {
      const key = keyOf(cached)
      const entry = entries.get(key)
      if (entry?.superseded.has(cached.resourceVersion)) return entry.latest
      // The cache has caught up, or somebody wrote after us.
      entries.delete(key)
      return cached
    },
    wrote(before: OurRun, after: OurRun): void {
      const key = keyOf(after)
      const known = entries.get(key)?.superseded ?? []
      entries.set(key, { superseded: new Set([...known, before.resourceVersion]), latest: after })
    },
    forget: (key: string) => void entries.delete(key),
  })
}
