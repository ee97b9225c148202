/** How many things happened in the hour before; by key, in bounded memory. */
export interface HourCounts {
  add(key: string, atMs: number): void
  /** Those of the last hour; one that is just an hour old counts. */
  count(key: string, nowMs: number): number
  /** Forgets what is older than an hour. */
  sweep(nowMs: number): void
}

export const hourMs = 3600 * 1000
/** The greatest budget there can be: of more than that nobody needs to know how many. */
const maxKept = 100_000

export function createHourCounts(): HourCounts {
  const times = new Map<string, number[]>()

  function recent(key: string, nowMs: number): readonly number[] {
    const all = times.get(key)
    if (all === undefined) return []
    const oldest = all.findIndex((at) => at >= nowMs - hourMs)
    if (oldest === -1) times.delete(key)
    else if (oldest > 0) all.splice(0, oldest)
    return oldest === -1 ? [] : all
  }

  return Object.freeze({
    add(key: string, atMs: number) {
      const all = times.get(key)
      if (all === undefined) times.set(key, [atMs])
      else if (all.push(atMs) > maxKept) all.splice(0, all.length - maxKept)
    },
    count: (key: string, nowMs: number) => recent(key, nowMs).length,
    sweep(nowMs: number) {
      for (const key of times.keys()) recent(key, nowMs)
    },
  })
}
