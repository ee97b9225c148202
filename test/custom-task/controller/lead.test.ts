import { describe, expect, it, type TestContext } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { createLeaderElection } from '../../../core/io/kube/leader-election.ts'
import { LeadershipLost } from '../../../core/io/kube/leader-term.ts'
import { createLog } from '../../../core/io/log.ts'
import type { Shutdown } from '../../../core/io/shutdown.ts'
import { Secret } from '../../../core/secret.ts'
import { fenced } from '../../../custom-task/controller/fence.ts'
import { createLead } from '../../../custom-task/controller/lead.ts'
import { startKube } from '../../fakes/kube/server.ts'

const namespace = 'tokenbroker-system'
const log = createLog({ name: 'test', level: 'silent' })
const never = new AbortController().signal

interface Begun extends Shutdown {
  readonly reasons: readonly string[]
  readonly begun: Promise<void>
}

function fakeShutdown(): Begun {
  const reasons: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    signal: never,
    reasons,
    begun: promise,
    onShutdown: () => undefined,
    async begin(reason) {
      reasons.push(reason)
      resolve()
    },
  }
}

async function scene({ onTestFinished }: TestContext) {
  const kube = await startKube()
  kube.objects.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  const client = createKubeClient({ credentials: { server: kube.url, token: new Secret(kube.adminToken) } })
  onTestFinished(async () => {
    await client.close()
    await kube.close()
  })
  const lease = { namespace, name: 'tokenbroker-controller' }
  const timing = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 1 }
  const election = createLeaderElection({ client, lease, identity: 'me', log, timing })
  const shutdown = fakeShutdown()
  return { kube, client, lease, shutdown, lead: createLead({ election, log, shutdown }) }
}

describe('createLead', () => {
  it('works from the beginning where there is no election', async () => {
    const lead = createLead({ election: undefined, log, shutdown: fakeShutdown() })

    await lead.begin()

    expect(lead.isHeld()).toBe(true)
    await lead.release(never)
  })

  it('ends the process when its term ends by itself', async (context) => {
    const { kube, lease, lead, shutdown } = await scene(context)
    expect([lead.isHeld(), lead.isStandingBy()]).toEqual([false, false])
    await lead.begin()
    expect([lead.isHeld(), lead.isStandingBy()]).toEqual([true, false])

    kube.objects.patch(resources.leases, lease, { spec: { holderIdentity: 'another' } })
    await shutdown.begun

    expect(shutdown.reasons).toEqual(['leadership lost'])
    expect([lead.isHeld(), lead.isStandingBy()]).toEqual([false, false])
  })

  it('gives the Lease up at the end, without a word about it', async (context) => {
    const { kube, lease, lead, shutdown } = await scene(context)
    await lead.begin()

    await lead.release(never)

    const { spec } = kube.objects.get<KubeObject>(resources.leases, lease) ?? {}
    expect(spec).not.toHaveProperty('holderIdentity')
    expect(shutdown.reasons).toEqual([])
  })
})

describe('fenced', () => {
  it('reads always, and writes only while this process leads', async (context) => {
    const { client } = await scene(context)
    let isHeld = true
    const guarded = fenced(client, () => isHeld)
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name: 'a' } }
    const ref = { namespace, name: 'a' }
    const patch = () => guarded.patch(resources.secrets, ref, { data: {} }, { type: 'merge' }, never)

    await guarded.create(resources.secrets, secret, never)
    isHeld = false

    await expect(guarded.create(resources.secrets, secret, never)).rejects.toThrow(LeadershipLost)
    await expect(patch()).rejects.toThrow(LeadershipLost)
    await expect(guarded.delete(resources.secrets, ref, never)).rejects.toThrow(LeadershipLost)
    expect((await guarded.get(resources.secrets, ref, never))?.metadata.name).toBe('a')
    isHeld = true
    await patch()
  })
})
