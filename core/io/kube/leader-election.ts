import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { withDeadline } from '../deadline.ts'
import { type Delay, type Random, systemClock, systemDelay, systemRandom } from '../system.ts'
import { type KubeClient, KubeError, type KubeObject, resources } from './api.ts'
import { type LeaseRecord, microTime, readLease, releasedSpec, takenSpec } from './lease-record.ts'

export interface LeaderElectionOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'patch'>
  readonly lease: { readonly namespace: string; readonly name: string }
  /** Differs from every other process that there is or was. */
  readonly identity: string
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
  /** The holder stops leading when it could not renew for so long; the difference is the margin between two leaders. */
  readonly renewDeadlineMs: number
  readonly retryMs: number
}

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

export interface LeaderElection {
  /** Resolves when this process leads. Asks for as long as it takes; call it again after a term. @throws the signal's reason */
  acquire(signal: AbortSignal): Promise<Term>
  /** Whether the API server answered lately, for the readiness of a process that stands by. */
  isInTouch(): boolean
}

/** Somebody else leads, or may lead by now. */
export class LeadershipLost extends Error {
  override readonly name = 'LeadershipLost'
}

const defaultTiming: ElectionTiming = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 }

/** One leader among processes, by a Lease of coordination.k8s.io, as client-go does it and beside it. */
export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { client, lease, identity, log } = options
  const { clock = systemClock, delay = systemDelay, random = systemRandom, timing = defaultTiming } = options
  const monotonicMs = options.monotonicMs ?? (() => performance.now())
  const durationSeconds = Math.ceil(timing.leaseMs / 1000)
  // The other holder's times are of another clock: what counts is when this process saw the record change.
  let seen: { readonly key: string; readonly atMs: number } | undefined
  let heardMs: number | undefined

  async function observe(signal: AbortSignal): Promise<LeaseRecord | undefined> {
    const object = await client.get<KubeObject>(resources.leases, lease, signal)
    heardMs = monotonicMs()
    const record = object && readLease(object)
    const key = JSON.stringify(record && [record.holder, record.renewTime, record.transitions])
    if (seen?.key !== key) {
      if (record?.holder !== undefined && record.holder !== identity) log.info({ holder: record.holder }, 'standing by')
      seen = { key, atMs: monotonicMs() }
    }
    return record
  }

  function isTaken({ holder, durationSeconds: seconds }: LeaseRecord): boolean {
    if (holder === undefined || seen === undefined) return false
    return monotonicMs() - seen.atMs < (seconds ?? durationSeconds) * 1000
  }

  /** @returns undefined when somebody else has it, or was quicker */
  async function take(signal: AbortSignal): Promise<{ record: LeaseRecord; sent: Moment } | undefined> {
    const before = await observe(signal)
    if (before !== undefined && isTaken(before)) return undefined
    const sent = moment()
    const transitions = before?.transitions === undefined ? 0 : before.transitions + 1
    const spec = takenSpec(identity, sent.at, durationSeconds, transitions)
    try {
      const object = before === undefined ? await create(spec, signal) : await write(before, spec, signal)
      return { record: readLease(object), sent }
    } catch (error) {
      if (error instanceof KubeError && error.status === 409) return undefined
      throw error
    }
  }

  function create(spec: object, signal: AbortSignal): Promise<KubeObject> {
    const object = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: lease, spec }
    return client.create<KubeObject>(resources.leases, object, signal)
  }

  /** Names the version that it follows: of two that write at once one gets 409. */
  function write({ resourceVersion }: LeaseRecord, spec: object, signal: AbortSignal): Promise<KubeObject> {
    const body = { metadata: { resourceVersion }, spec }
    return client.patch<KubeObject>(resources.leases, lease, body, { type: 'merge' }, signal)
  }

  function moment(): Moment {
    return { at: clock(), ms: monotonicMs() }
  }

  /** The larger of two clocks: one stands still while the machine sleeps, the other can be set back. */
  function elapsedMs(since: Moment): number {
    return Math.max(monotonicMs() - since.ms, clock().getTime() - since.at.getTime())
  }

  function beginTerm(taken: { readonly record: LeaseRecord; readonly sent: Moment }): Term {
    const ended = new AbortController()
    const released = new AbortController()
    let { record, sent: renewed } = taken
    const epoch = record.transitions ?? 0
    const remainingMs = (): number => timing.renewDeadlineMs - elapsedMs(renewed)
    const isHeld = (): boolean => !ended.signal.aborted && !released.signal.aborted && remainingMs() > 0

    async function renew(signal: AbortSignal): Promise<void> {
      const sent = moment()
      try {
        record = readLease(await write(record, { renewTime: microTime(sent.at) }, signal))
      } catch (error) {
        if (!(error instanceof KubeError && error.status === 409)) throw error
        // Somebody touched the object: that may be a label.
        const now = await observe(signal)
        if (now?.holder !== identity || now.transitions !== epoch)
          throw new LeadershipLost('the Lease has another holder')
        record = readLease(await write(now, { renewTime: microTime(sent.at) }, signal))
      }
      heardMs = monotonicMs()
      renewed = sent
    }

    async function keep(): Promise<void> {
      while (isHeld()) {
        await delay(Math.min(timing.retryMs, remainingMs()), released.signal)
        if (!isHeld()) break
        await withDeadline(remainingMs(), released.signal, renew).catch((error: unknown) => {
          if (released.signal.aborted || isFinal(error)) throw error
          log.warn({ err: error }, 'lease not renewed')
        })
      }
      throw new LeadershipLost(`the Lease could not be renewed for ${timing.renewDeadlineMs} ms`)
    }

    const keeping = keep().catch((error: unknown) => {
      if (released.signal.aborted) return
      const reason = error instanceof LeadershipLost ? error : new LeadershipLost('the Lease is gone', { cause: error })
      log.error({ err: reason, epoch }, 'leadership lost')
      ended.abort(reason)
    })
    log.info({ identity, epoch }, 'leading')
    return Object.freeze({
      epoch,
      signal: ended.signal,
      isHeld,
      async release(signal: AbortSignal): Promise<void> {
        const mayRelease = isHeld()
        released.abort(new DOMException('The term is over', 'AbortError'))
        await keeping
        if (!mayRelease) return
        try {
          await write(record, releasedSpec(clock()), signal)
          log.info({ epoch }, 'lease released')
        } catch (error) {
          log.warn({ err: error }, 'lease not released')
        }
      },
    })
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
        if (taken !== undefined) return beginTerm(taken)
        await delay(timing.retryMs * (1 + random() / 5), signal)
      }
    },
    isInTouch: () => heardMs !== undefined && monotonicMs() - heardMs < timing.leaseMs,
  })
}

interface Moment {
  readonly at: Date
  readonly ms: number
}

/** Whether trying again is pointless: not ours any more, or gone. */
function isFinal(error: unknown): boolean {
  return error instanceof LeadershipLost || (error instanceof KubeError && error.status === 404)
}
