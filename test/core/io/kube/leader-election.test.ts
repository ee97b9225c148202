import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type KubeObject, resources } from '../../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../../core/io/kube/client.ts'
import { createLeaderElection, type LeaderElectionOptions } from '../../../../core/io/kube/leader-election.ts'
import { LeadershipLost } from '../../../../core/io/kube/leader-term.ts'
import { createLog } from '../../../../core/io/log.ts'
import { Secret } from '../../../../core/secret.ts'
import { type FakeKube, startKube } from '../../../fakes/kube/server.ts'
import { createMailbox } from '../mailbox.ts'

const lease = { namespace: 'tokenbroker-system', name: 'tokenbroker-controller' }
const patches = { verb: 'patch', resource: 'leases' }
const never = new AbortController().signal

let kube: FakeKube
let nowMs: number
let wallSkewMs: number
let clients: { close(): Promise<void> }[]

beforeEach(async () => {
  kube = await startKube()
  kube.objects.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: lease.namespace } })
  nowMs = 1_000_000
  wallSkewMs = 0
  clients = []
})

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await kube.close()
})

interface Wait {
  readonly ms: number
  readonly end: () => void
}

/** A process that wants to lead; its waits end when the test says so, and time is the test's. */
function candidate(identity: string, more: Partial<LeaderElectionOptions> = {}) {
  const waits = createMailbox<Wait>()
  const credentials = { server: kube.url, token: new Secret(kube.adminToken) }
  const client = createKubeClient({ credentials, delay: async () => undefined, random: () => 0 })
  clients.push(client)
  const election = createLeaderElection({
    client,
    lease,
    identity,
    log: createLog({ name: 'test', level: 'silent' }),
    clock: () => new Date(Date.UTC(2026, 0, 1) + nowMs + wallSkewMs),
    monotonicMs: () => nowMs,
    random: () => 0,
    delay: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        waits.put({ ms, end: resolve })
      }),
    ...more,
  })
  return {
    ...election,
    waits,
    /** Lets so much time pass, ends the wait, and resolves when the next one has begun. */
    async pass(ms: number): Promise<void> {
      const wait = await waits.next()
      nowMs += ms
      wait.end()
      waits.put(await waits.next())
    },
  }
}

interface Spec {
  readonly holderIdentity?: string
  readonly leaseTransitions?: number
  readonly renewTime?: string
  readonly acquireTime?: string
}

function spec(): Spec {
  return (kube.objects.get<KubeObject & { spec?: Spec }>(resources.leases, lease)?.spec ?? {}) as Spec
}

function emptyLease(): void {
  kube.objects.create({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: lease })
}

describe('createLeaderElection', () => {
  it('takes a Lease that is not there, one that nobody ever held, and one that was given up', async () => {
    const first = await candidate('a').acquire(never)
    expect(spec()).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0, leaseDurationSeconds: 15 })
    await first.release(never)
    expect(spec()).not.toHaveProperty('holderIdentity')

    const second = await candidate('b').acquire(never)
    expect(spec()).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 })

    expect([first.epoch, second.epoch]).toEqual([0, 1])
    kube.objects.delete(resources.leases, lease)
    emptyLease()
    expect((await candidate('c').acquire(never)).epoch).toBe(0)
  })

  it('lets one of many lead', async () => {
    emptyLease()
    const candidates = Array.from({ length: 8 }, (_, i) => candidate(`c${i}`))
    const leading: string[] = []
    for (const [i, one] of candidates.entries()) void one.acquire(never).then(() => leading.push(`c${i}`))

    // Each of them waits: seven for the Lease, one to renew it.
    await Promise.all(candidates.map(({ waits }) => waits.next()))

    expect(leading).toEqual([spec().holderIdentity])
  })

  it('renews, and stands by for as long as the holder does', async () => {
    const leader = candidate('a')
    const term = await leader.acquire(never)
    const acquired = spec().acquireTime
    const standby = candidate('b')
    void standby.acquire(never)

    for (let i = 0; i < 12; i += 1) {
      await leader.pass(2000)
      await standby.pass(0)
    }

    expect(spec()).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0, acquireTime: acquired })
    expect(spec().renewTime).toBe('2026-01-01T00:17:04.000000Z')
    expect(term.isHeld()).toBe(true)
    expect(standby.isInTouch()).toBe(true)
  })

  it('takes the Lease of a holder that was silent for its duration, and not before', async () => {
    await candidate('a').acquire(never)
    const standby = candidate('b')
    const acquired = standby.acquire(never)
    await standby.pass(14_999)
    expect(spec().holderIdentity).toBe('a')

    const wait = await standby.waits.next()
    nowMs += 1
    wait.end()

    expect((await acquired).epoch).toBe(1)
    expect(spec().holderIdentity).toBe('b')
  })

  it('takes the Lease of the process before it in the same pod at once', async () => {
    await candidate('pod-1_a').acquire(never)

    const term = await candidate('pod-1_b', { isPredecessor: (one) => one.startsWith('pod-1_') }).acquire(never)

    expect(term.epoch).toBe(1)
  })

  it('goes on asking while the API server is away', async () => {
    kube.faults.next({ resource: 'leases' }, { kind: 'answer', status: 403 }, 2)
    const one = candidate('a')
    const acquired = one.acquire(never)
    await one.pass(2000)
    ;(await one.waits.next()).end()

    expect((await acquired).epoch).toBe(0)
  })

  it('gives up when it is told to', async () => {
    await candidate('a').acquire(never)
    const stopping = new AbortController()
    const standby = candidate('b')
    const acquired = standby.acquire(stopping.signal)
    await standby.waits.next()

    stopping.abort(new Error('stop'))

    await expect(acquired).rejects.toThrow('stop')
  })
})

describe('Term', () => {
  it('goes on when somebody else touched the Lease and left the holder', async () => {
    const one = candidate('a')
    const term = await one.acquire(never)
    kube.objects.patch(resources.leases, lease, { metadata: { labels: { touched: 'yes' } } })

    await one.pass(2000)

    expect(term.isHeld()).toBe(true)
    expect(spec().renewTime).toBe('2026-01-01T00:16:42.000000Z')
  })

  it.each([
    ['has another holder', () => kube.objects.patch(resources.leases, lease, { spec: { holderIdentity: 'b' } })],
    ['is of a later term', () => kube.objects.patch(resources.leases, lease, { spec: { leaseTransitions: 7 } })],
    ['is gone', () => kube.objects.delete(resources.leases, lease)],
  ])('ends when the Lease %s', async (_, change) => {
    const one = candidate('a')
    const term = await one.acquire(never)
    change()
    const ended = new Promise((resolve) => term.signal.addEventListener('abort', () => resolve(term.signal.reason)))

    ;(await one.waits.next()).end()

    expect(await ended).toBeInstanceOf(LeadershipLost)
    expect(term.isHeld()).toBe(false)
  })

  it('survives failures that are shorter than its deadline, and ends at it', async () => {
    const one = candidate('a')
    const term = await one.acquire(never)
    kube.faults.next(patches, { kind: 'answer', status: 500 }, 4)
    for (let i = 0; i < 4; i += 1) await one.pass(2000)
    expect(term.signal.aborted).toBe(false)
    await one.pass(1000)
    expect(term.isHeld()).toBe(true)

    kube.faults.next(patches, { kind: 'answer', status: 500 }, 9)
    const ended = new Promise((resolve) => term.signal.addEventListener('abort', resolve))
    for (let i = 0; i < 4; i += 1) await one.pass(2000)
    const last = await one.waits.next()
    nowMs += last.ms
    last.end()

    await ended
    expect(term.isHeld()).toBe(false)
  })

  it('is not held after a sleep, by either clock, before any timer fires', async () => {
    const term = await candidate('a').acquire(never)
    nowMs += 9_999
    expect(term.isHeld()).toBe(true)
    nowMs += 1
    expect(term.isHeld()).toBe(false)
    nowMs -= 1
    wallSkewMs += 3_600_000
    expect(term.isHeld()).toBe(false)
    expect(term.signal.aborted).toBe(false)
  })

  it('asks for no more than what is left of its deadline', async () => {
    const one = candidate('a')
    await one.acquire(never)
    kube.faults.next(patches, { kind: 'answer', status: 500 }, 9)
    for (let i = 0; i < 4; i += 1) await one.pass(2400)

    expect((await one.waits.next()).ms).toBe(400)
  })

  it('does not take the Lease from its successor when it is released late', async () => {
    const term = await candidate('a').acquire(never)
    nowMs += 20_000
    kube.objects.patch(resources.leases, lease, { spec: { holderIdentity: 'b', leaseTransitions: 1 } })

    await term.release(never)

    expect(spec().holderIdentity).toBe('b')
  })

  it('is over after release, also when the Lease is gone', async () => {
    const term = await candidate('a').acquire(never)
    kube.objects.delete(resources.leases, lease)

    await term.release(never)

    expect(term.isHeld()).toBe(false)
    expect(term.signal.aborted).toBe(false)
  })
})
