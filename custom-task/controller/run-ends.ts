import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import type { EventRecorder } from '../../core/io/kube/events.ts'
import { createWorkQueue } from '../../core/io/kube/work-queue.ts'
import type { Delay, Random } from '../../core/io/system.ts'
import type { RunReference } from './broker.ts'
import type { EndRun } from './end-run.ts'
import { keyOfRun, type SeenRun } from './run-cache.ts'

interface Deps {
  /** The run as it was seen last; another run of its name does not count. */
  readonly seen: (run: RunReference) => Sight
  readonly endRun: EndRun
  readonly events: EventRecorder
  readonly clock: Clock
  readonly delay: Delay
  readonly random: Random
  readonly log: Logger
}

/** `unseen`: deleted, hidden from the watch, or not heard of yet; only the broker can tell. */
export type Sight = SeenRun | 'unseen'

/** Ends of the runs that hold something: waits for each, and has it withdrawn. */
export interface RunEnds {
  /** The broker says that this run holds something. */
  holds(run: RunReference): void
  /** The run changed, or was deleted. */
  changed(seen: SeenRun): void
  /** Looks at every run again, because the broker was away. */
  lookAgain(): void
  /** How many runs are waited for. */
  size(): number
  shutDown(deadline: AbortSignal): Promise<void>
}

/** How often the broker is asked about a run that no watch shows. */
const unseenMs = 15_000
const concurrency = 8

export function createRunEnds(deps: Deps): RunEnds {
  const { seen, endRun, events, log, clock, delay, random } = deps
  const holding = new Map<string, RunReference>()
  // Runs that go on after a person withdrew what they were given, told once.
  const withdrawn = new Set<string>()
  const queue = createWorkQueue({ process, concurrency, log, clock, delay, random })

  async function process(key: string, signal: AbortSignal): Promise<void> {
    const run = holding.get(key)
    if (run === undefined) return
    const sight = seen(run)
    // Its own change brings it back.
    if (sight !== 'unseen' && !sight.hasEnded) return
    if ((await endRun(run, signal)) === 'goes-on') {
      queue.addAfter(key, unseenMs)
      return
    }
    holding.delete(key)
    if (sight === 'unseen' || sight.revokedBy === undefined) return
    withdrawn.add(key)
    await events.record(about(sight), revoked(sight), signal)
  }

  return Object.freeze({
    holds(run: RunReference): void {
      const key = keyOfRun(run)
      holding.set(key, run)
      queue.add(key)
    },
    changed({ run, hasEnded, revokedBy }: SeenRun): void {
      const key = keyOfRun(run)
      // Recorded also for a run that was given nothing so far: from now on it gets nothing.
      if (revokedBy === undefined) withdrawn.delete(key)
      else if (!withdrawn.has(key)) holding.set(key, run)
      if (hasEnded && holding.has(key)) queue.add(key)
    },
    lookAgain(): void {
      for (const key of holding.keys()) queue.add(key)
    },
    size: () => holding.size,
    shutDown: queue.shutDown,
  })
}

function about({ run, resourceVersion }: SeenRun): Parameters<EventRecorder['record']>[0] {
  const { namespace, kind, name, uid } = run
  return { apiVersion: 'tekton.dev/v1', kind, metadata: { namespace, name, uid, resourceVersion } }
}

function revoked({ revokedBy }: SeenRun) {
  const message = `${revokedBy} withdrew what this run was given, and it gets no more tokens: start a new run`
  return { type: 'Warning', reason: 'TokensRevoked', message } as const
}
