import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type KubeClient, type KubeObject, resources, type WatchEvent } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { Secret } from '../../../core/secret.ts'
import { addPod, customRun } from './fixtures.ts'
import { type FakeKube, startKube } from './server.ts'

const signal = new AbortController().signal

describe('our own client against the fake', () => {
  let kube: FakeKube
  let client: KubeClient

  beforeEach(async () => {
    kube = await startKube()
    client = createKubeClient({ credentials: { server: kube.url, token: new Secret(kube.adminToken) } })
    addPod(kube)
  })
  afterEach(async () => {
    await client.close()
    await kube.close()
  })

  it('reads every page of a long list and follows it by watch', async () => {
    for (let i = 0; i < 1200; i += 1)
      kube.objects.create({ ...customRun, metadata: { name: `run-${i}`, namespace: 'payments' } })
    const { items, resourceVersion } = await client.list(resources.customRuns, {}, signal)
    const stop = new AbortController()
    const events: WatchEvent[] = []
    const watching = (async () => {
      for await (const event of client.watch(resources.customRuns, { resourceVersion }, stop.signal)) {
        events.push(event)
        if (events.length === 2) return
      }
    })()
    await client.create(
      resources.customRuns,
      { ...customRun, metadata: { name: 'new', namespace: 'payments' } },
      signal,
    )
    await client.patch(
      resources.customRuns,
      { namespace: 'payments', name: 'new' },
      { status: { results: [{ name: 'authorization-id', value: 'auth-1' }] } },
      { type: 'merge', subresource: 'status' },
      signal,
    )
    await watching
    stop.abort()

    expect(items).toHaveLength(1200)
    expect(events.map(({ kind }) => kind)).toEqual(['added', 'modified'])
  })

  it('asks for reviews and hears what the API server says', async () => {
    const token = kube.projectToken({
      namespace: 'payments',
      serviceAccount: 'deployer',
      pod: 'rollout',
      audience: 'https://broker',
    })
    const good = await client.tokenReview(new Secret(token), 'https://broker', signal)
    const bad = await client.tokenReview(new Secret(token), 'https://other', signal)
    const access = await client.subjectAccessReview(
      {
        user: good.user.username,
        groups: good.user.groups,
        namespace: 'payments',
        verb: 'exchange',
        group: 'tokenbroker.dev',
        resource: 'tokenscopes',
        name: 'builtin:deploy:staging',
      },
      signal,
    )

    expect(good).toMatchObject({ isAuthenticated: true, audiences: ['https://broker'] })
    expect(bad.isAuthenticated).toBe(false)
    expect(access.isAllowed).toBe(false)
  })

  it('sees refusals as errors, absence as undefined, and deletes by uid', async () => {
    const ref = { namespace: 'payments', name: 'token' }
    const created = await client.create<KubeObject>(resources.customRuns, customRun, signal)
    await expect(client.create(resources.customRuns, customRun, signal)).rejects.toMatchObject({
      status: 409,
      reason: 'AlreadyExists',
    })
    await expect(client.delete(resources.customRuns, { ...ref, uid: 'other' }, signal)).rejects.toMatchObject({
      status: 409,
    })
    await client.delete(resources.customRuns, { ...ref, uid: created.metadata.uid }, signal)

    expect(await client.get(resources.customRuns, ref, signal)).toBeUndefined()
  })
})
