import type { Logger } from 'pino'
import { withDeadline } from '../deadline.ts'
import type { Delay } from '../system.ts'
import { KubeError } from './api.ts'
import { type LeaseRecord, microTime, releasedSpec } from './lease-record.ts'
import type { LeaseStore, Moment, Stopwatch } from './lease-store.ts'

/** The time in which this process leads. */
export interface Term {
  /** `leaseTransitions` of this term: rises with every leader there is. */
  readonly epoch: number
  /** Aborted with {@link LeadershipLost} when the term ends by itself. */
  readonly signal: AbortSignal
  /**
   * Whether nobody else can lead yet, by the clocks alone. To be asked right before a write: a process that slept
   * through its term finds out here, before its timers do.
   */
  isHeld(): boolean
  /** Ends the term and gives the Lease to whoever waits. Never throws: a Lease that is not given up runs out. */
  release(signal: AbortSignal): Promise<void>
}

/** Somebody else leads, or may lead by now. */
export class LeadershipLost extends Error {
  override readonly name = 'LeadershipLost'
}

export interface TermDeps {
  readonly store: LeaseStore
  readonly stopwatch: Stopwatch
  readonly delay: Delay
  readonly log: Logger
  readonly identity: string
  readonly retryMs: number
  readonly renewDeadlineMs: number
}

/** The Lease as this process wrote it, and when it began to write. */
export interface Taken {
  readonly record: LeaseRecord
  readonly sent: Moment
}

/** Begins a term with a Lease that was just taken, and renews it until the term ends. */
export function beginTerm(deps: TermDeps, taken: Taken): Term {
  const { store, stopwatch, log, renewDeadlineMs } = deps
  const lost = new AbortController()
  const released = new AbortController()
  const epoch = taken.record.transitions ?? 0
  let latest = taken
  const remainingMs = (): number => renewDeadlineMs - stopwatch.elapsedMs(latest.sent)
  const isHeld = (): boolean => !lost.signal.aborted && !released.signal.aborted && remainingMs() > 0

  async function keep(): Promise<never> {
    while (isHeld()) {
      await deps.delay(Math.min(deps.retryMs, remainingMs()), released.signal)
      if (!isHeld()) break
      try {
        latest = await withDeadline(remainingMs(), released.signal, (signal) => renew(deps, latest, signal))
      } catch (error) {
        if (released.signal.aborted || isFinal(error)) throw error
        log.warn({ err: error, epoch }, 'lease not renewed')
      }
    }
    throw new LeadershipLost(`the Lease could not be renewed for ${renewDeadlineMs} ms`)
  }

  const keeping = keep().catch((error: unknown) => {
    if (released.signal.aborted) return
    const reason = error instanceof LeadershipLost ? error : new LeadershipLost('the Lease is gone', { cause: error })
    log.error({ err: reason, epoch }, 'leadership lost')
    lost.abort(reason)
  })

  return Object.freeze({
    epoch,
    signal: lost.signal,
    isHeld,
    async release(signal: AbortSignal): Promise<void> {
      const isOurs = isHeld()
      released.abort(new DOMException('The term is over', 'AbortError'))
      await keeping
      if (!isOurs) return
      try {
        await store.write(latest.record, releasedSpec(stopwatch.now().at), signal)
        log.info({ epoch }, 'lease released')
      } catch (error) {
        log.warn({ err: error, epoch }, 'lease not released')
      }
    },
  })
}

/** @throws LeadershipLost when somebody else holds it */
async function renew({ store, stopwatch, identity }: TermDeps, { record }: Taken, signal: AbortSignal): Promise<Taken> {
  const sent = stopwatch.now()
  const spec = { renewTime: microTime(sent.at) }
  try {
    return { record: await store.write(record, spec, signal), sent }
  } catch (error) {
    if (!(error instanceof KubeError && error.status === 409)) throw error
    // Somebody touched the object, but that may have been a label.
    const now = await store.read(signal)
    if (now?.holder !== identity || now.transitions !== record.transitions)
      throw new LeadershipLost('the Lease has another holder', { cause: error })
    return { record: await store.write(now, spec, signal), sent }
  }
}

/** Whether trying again is pointless: not ours any more, or gone. */
function isFinal(error: unknown): boolean {
  return error instanceof LeadershipLost || (error instanceof KubeError && error.status === 404)
}
