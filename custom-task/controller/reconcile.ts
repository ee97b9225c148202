import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import { KubeError } from '../../core/io/kube/api.ts'
import type { Apply } from './apply.ts'
import type { Observed } from './observed.ts'
import type { OurRun } from './our-run.ts'
import type { OwnWrites } from './own-writes.ts'
import { plan } from './plan.ts'

export interface ReconcileDeps {
  readonly cachedRun: (key: string) => OurRun | undefined
  readonly ownWrites: OwnWrites
  readonly observe: (run: OurRun, signal: AbortSignal) => Promise<Observed>
  readonly apply: Apply
  readonly requeue: (key: string, afterMs: number) => void
  readonly clock: Clock
  readonly log: Logger
}

/** The change that the write collided with is on its way to the cache; this is only for the case that it is late. */
const conflictMs = 200

/** Ask, note the names of Secrets, make them, say so: what one turn takes at most when all goes well. */
const maxRounds = 4

/** Brings one CustomRun forward: observe, plan, apply; and again with the broker's answer. */
export function createReconcile(deps: ReconcileDeps): (key: string, signal: AbortSignal) => Promise<void> {
  async function bringForward(key: string, signal: AbortSignal): Promise<void> {
    const cached = deps.cachedRun(key)
    if (cached === undefined) {
      deps.ownWrites.forget(key)
      return
    }
    let applied = await step(deps.ownWrites.newest(cached), signal)
    for (let rounds = 1; applied.isOpen && rounds < maxRounds; rounds += 1) applied = await step(applied.run, signal)
    // An answer that came late may be due for the next question at once: that is the next turn's.
    const afterMs = applied.isOpen ? 1 : applied.requeueAfterMs
    if (afterMs !== undefined) deps.requeue(key, afterMs)
  }

  async function step(run: OurRun, signal: AbortSignal) {
    const observed = await deps.observe(run, signal)
    return await deps.apply(plan(observed, deps.clock()), run, signal)
  }

  return async function reconcile(key, signal) {
    try {
      await bringForward(key, signal)
    } catch (error) {
      if (!(error instanceof KubeError) || (error.status !== 409 && error.status !== 404)) throw error
      deps.log.debug({ key, status: error.status }, 'custom run changed under the plan')
      deps.requeue(key, conflictMs)
    }
  }
}
