/** Runs that hold something which their end has to withdraw, in the order in which they came to it. */
export interface LiveRuns {
  /** The run, by its `runKey`, holds something until then. */
  holds(run: string, until: Date): void
  ended(run: string): void
  /** Runs of a cluster that came after the number; from 0 on all of them. */
  after(number: number, cluster: string, limit: number): readonly NumberedRun[]
  /** Forgets runs whose last grant expired at `now` or before. */
  sweep(now: Date): void
}

export interface NumberedRun {
  /** `<namespace>/<kind>/<name>/<uid>` */
  readonly run: string
  readonly number: number
}

interface Live {
  readonly number: number
  readonly until: Date
}

export function createLiveRuns(): LiveRuns {
  // A Map keeps its order: a run that is put again keeps its place, as whoever asked knows it already.
  const live = new Map<string, Live>()
  let last = 0

  return Object.freeze({
    holds(run: string, until: Date) {
      const known = live.get(run)
      if (known === undefined) live.set(run, { number: ++last, until })
      else if (known.until < until) live.set(run, { ...known, until })
    },
    ended: (run: string) => void live.delete(run),
    after(number: number, cluster: string, limit: number) {
      const found: NumberedRun[] = []
      for (const [key, one] of live) {
        if (one.number <= number || !key.startsWith(`${cluster}/`)) continue
        found.push({ run: key.slice(cluster.length + 1), number: one.number })
        if (found.length === limit) break
      }
      return found
    },
    sweep(now: Date) {
      for (const [run, { until }] of live) if (until <= now) live.delete(run)
    },
  })
}
