import type { Clock } from '../../clock.ts'
import { type KubeClient, type KubeObject, resources } from './api.ts'
import { type LeaseRecord, readLease } from './lease-record.ts'

export interface LeaseName {
  readonly namespace: string
  readonly name: string
}

/** One Lease of the API server. Every method throws what the client throws. */
export interface LeaseStore {
  /** @returns undefined when there is no such Lease */
  read(signal: AbortSignal): Promise<LeaseRecord | undefined>
  create(spec: object, signal: AbortSignal): Promise<LeaseRecord>
  /** Names the version that it follows: of two that write at once one gets KubeError 409. */
  write(after: LeaseRecord, spec: object, signal: AbortSignal): Promise<LeaseRecord>
  /** Whether the API server answered in the last `ms`. */
  isInTouch(ms: number): boolean
}

export function createLeaseStore(
  client: Pick<KubeClient, 'get' | 'create' | 'patch'>,
  lease: LeaseName,
  monotonicMs: () => number,
): LeaseStore {
  let heardMs: number | undefined

  async function heard<T>(answer: Promise<T>): Promise<T> {
    const value = await answer
    heardMs = monotonicMs()
    return value
  }

  return Object.freeze({
    async read(signal: AbortSignal): Promise<LeaseRecord | undefined> {
      const object = await heard(client.get<KubeObject>(resources.leases, lease, signal))
      return object && readLease(object)
    },
    async create(spec: object, signal: AbortSignal): Promise<LeaseRecord> {
      const object = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: lease, spec }
      return readLease(await heard(client.create<KubeObject>(resources.leases, object, signal)))
    },
    async write({ resourceVersion }: LeaseRecord, spec: object, signal: AbortSignal): Promise<LeaseRecord> {
      const body = { metadata: { resourceVersion }, spec }
      return readLease(await heard(client.patch<KubeObject>(resources.leases, lease, body, { type: 'merge' }, signal)))
    },
    isInTouch: (ms: number) => heardMs !== undefined && monotonicMs() - heardMs < ms,
  })
}

/** A moment on two clocks: one that everybody shares and one that nobody sets. */
export interface Moment {
  readonly at: Date
  readonly ms: number
}

export interface Stopwatch {
  now(): Moment
  /** The larger of both: one clock stands still while the machine sleeps, the other can be set back. */
  elapsedMs(since: Moment): number
}

export function createStopwatch(clock: Clock, monotonicMs: () => number): Stopwatch {
  return Object.freeze({
    now: () => ({ at: clock(), ms: monotonicMs() }),
    elapsedMs: (since: Moment) => Math.max(monotonicMs() - since.ms, clock().getTime() - since.at.getTime()),
  })
}
