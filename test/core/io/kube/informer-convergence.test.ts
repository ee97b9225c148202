import fc from 'fast-check'
import { describe, expect, it, type TestContext } from 'vitest'
import { type KubeObject, resources } from '../../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../../core/io/kube/client.ts'
import { createInformer } from '../../../../core/io/kube/informer.ts'
import type { Change } from '../../../../core/io/kube/informer-store.ts'
import { createLog } from '../../../../core/io/log.ts'
import { Secret } from '../../../../core/secret.ts'
import { type FakeKube, startKube } from '../../../fakes/kube/server.ts'
import { noDelay } from '../scripted-server.ts'

const names = ['a', 'b', 'c'] as const
const step = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), name: fc.constantFrom(...names) }),
  fc.record({ kind: fc.constant('patch' as const), name: fc.constantFrom(...names) }),
  fc.record({ kind: fc.constant('delete' as const), name: fc.constantFrom(...names) }),
  fc.constant({ kind: 'drop' as const }),
  fc.constant({ kind: 'compact' as const }),
  fc.constant({ kind: 'refuse' as const }),
  fc.constant({ kind: 'turn' as const }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

async function apply(kube: FakeKube, one: Step, turn: number): Promise<void> {
  const { objects, faults } = kube
  if (one.kind === 'drop') return faults.dropWatches()
  if (one.kind === 'compact') return faults.compact()
  if (one.kind === 'refuse') return void faults.next({ verb: 'watch' }, { kind: 'answer', status: 500 })
  if (one.kind === 'turn') return await new Promise((resolve) => setImmediate(resolve))
  const ref = { namespace: 'ci', name: one.name }
  const exists = objects.get(resources.leases, ref) !== undefined
  const metadata = { ...ref, labels: { turn: String(turn) } }
  if (one.kind === 'create' && !exists)
    objects.create({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata })
  if (one.kind === 'patch' && exists) objects.patch(resources.leases, ref, { metadata })
  if (one.kind === 'delete' && exists) objects.delete(resources.leases, ref)
}

/** The objects as somebody has them who only heard of changes. */
function createListener() {
  const heard = new Map<string, string>()
  const mistakes: string[] = []
  return {
    heard,
    mistakes,
    onChange(change: Change<KubeObject>): void {
      const { name, uid } = change.value.metadata
      const before = heard.get(name)
      const isExpected = change.kind === 'added' ? before === undefined : before === uid
      if (!isExpected) mistakes.push(`${change.kind} ${name} after ${before}`)
      if (change.kind === 'deleted') heard.delete(name)
      else heard.set(name, uid)
    },
  }
}

function versions(objects: readonly KubeObject[]): string[] {
  return objects.map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`).toSorted()
}

async function informed({ onTestFinished }: TestContext) {
  const kube = await startKube()
  const credentials = { server: kube.url, token: new Secret(kube.adminToken) }
  const { delay } = noDelay()
  const client = createKubeClient({ credentials, delay })
  const listener = createListener()
  const informer = createInformer({
    client,
    resource: resources.leases,
    list: { namespace: 'ci' },
    onChange: listener.onChange,
    log: createLog({ name: 'test', level: 'silent' }),
    // Waits end at the next turn; the 90 s of the watchdog never do.
    delay: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        if (ms < 60_000) setImmediate(resolve)
      }),
  })
  onTestFinished(async () => {
    await informer.stop()
    await client.close()
    await kube.close()
  })
  return { kube, informer, listener }
}

describe('informer', () => {
  it('ends with what the API server has, whatever happened to objects and watches', {
    timeout: 60_000,
  }, async (context) => {
    const { kube, informer, listener } = await informed(context)
    informer.start()
    await informer.synced(context.signal)

    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        for (const [turn, one] of steps.entries()) await apply(kube, one, turn)

        const expected = versions(kube.objects.list(resources.leases, 'ci'))
        await expect.poll(() => versions(informer.list('ci')), { interval: 1, timeout: 5000 }).toEqual(expected)
        expect([...listener.heard].map(([name, uid]) => `${name} ${uid}`).toSorted()).toEqual(
          expected.map((version) => version.split(' ').slice(0, 2).join(' ')),
        )
        expect(listener.mistakes).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  it('comes back after the API server was away', async (context) => {
    const { kube, informer } = await informed(context)
    informer.start()
    await informer.synced(context.signal)

    await kube.faults.stopListening()
    await apply(kube, { kind: 'create', name: 'a' }, 0)
    await kube.faults.listenAgain()

    await expect.poll(() => informer.list('ci').map(({ metadata }) => metadata.name)).toEqual(['a'])
  })
})
