import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { type Delay, type Random, systemClock, systemDelay, systemRandom } from '../system.ts'
import { type KubeClient, KubeError } from './api.ts'
import { beginTerm, type Taken, type Term } from './leader-term.ts'
import { type LeaseRecord, takenSpec } from './lease-record.ts'
import { createLeaseStore, createStopwatch, type LeaseName } from './lease-store.ts'

export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'patch'>
  readonly lease: LeaseName
  /** Differs from every other process that there is or was. */
  readonly identity: string
  /** Whether this holder has certainly ended, such as the process before this one in the same pod. Default: never. */
  readonly isPredecessor?: (holder: string) => boolean
  readonly log: Logger
  readonly clock?: Clock
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs?: () => number
  readonly delay?: Delay
  readonly random?: Random
  readonly timing?: ElectionTiming
}

export interface ElectionTiming {
  /** Others take the Lease when it was not renewed for so long. */
  readonly leaseMs: number
  /** The holder stops leading when it could not renew for so long; the difference keeps two leaders apart. */
  readonly renewDeadlineMs: number
  readonly retryMs: number
}

export interface LeaderElection {
  /** Resolves when this process leads, however long that takes; after a term it may be called again. @throws the signal's reason */
  acquire(signal: AbortSignal): Promise<Term>
  /** Whether the API server answered lately, for the readiness of a process that stands by. */
  isInTouch(): boolean
}

const defaultTiming: ElectionTiming = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 }

/** One leader among processes by a Lease of coordination.k8s.io, after the manner of client-go and at peace with it. */
export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { identity, log, isPredecessor = () => false } = options
  const { clock = systemClock, delay = systemDelay, random = systemRandom, timing = defaultTiming } = options
  const monotonicMs = options.monotonicMs ?? (() => performance.now())
  const store = createLeaseStore(options.client, options.lease, monotonicMs)
  const stopwatch = createStopwatch(clock, monotonicMs)
  // The holder's times are of another clock: what counts is when this process saw the record change.
  let seen: { readonly key: string; readonly atMs: number } | undefined

  function isTaken(record: LeaseRecord): boolean {
    const { holder, durationSeconds, renewTime, transitions } = record
    const key = JSON.stringify([holder, renewTime, transitions])
    if (seen?.key !== key) {
      if (holder !== undefined) log.debug({ holder }, 'standing by')
      seen = { key, atMs: monotonicMs() }
    }
    if (holder === undefined || isPredecessor(holder)) return false
    return monotonicMs() - seen.atMs < (durationSeconds ?? timing.leaseMs / 1000) * 1000
  }

  /** @returns undefined when somebody else has it, or was quicker */
  async function take(signal: AbortSignal): Promise<Taken | undefined> {
    const before = await store.read(signal)
    if (before !== undefined && isTaken(before)) return undefined
    const sent = stopwatch.now()
    const transitions = before?.transitions === undefined ? 0 : before.transitions + 1
    const spec = takenSpec(identity, sent.at, Math.ceil(timing.leaseMs / 1000), transitions)
    try {
      const record = before === undefined ? await store.create(spec, signal) : await store.write(before, spec, signal)
      return { record, sent }
    } catch (error) {
      if (error instanceof KubeError && error.status === 409) return undefined
      throw error
    }
  }

  return Object.freeze({
    async acquire(signal: AbortSignal): Promise<Term> {
      for (;;) {
        signal.throwIfAborted()
        const taken = await take(signal).catch((error: unknown) => {
          signal.throwIfAborted()
          log.warn({ err: error }, 'lease not reached')
          return undefined
        })
        if (taken === undefined) {
          await delay(timing.retryMs * (1 + random() / 5), signal)
          continue
        }
        log.info({ identity, epoch: taken.record.transitions }, 'leading')
        return beginTerm({ store, stopwatch, delay, log, identity, ...timing }, taken)
      }
    },
    isInTouch: () => store.isInTouch(timing.leaseMs),
  })
}
