import { describe, expect, it } from 'vitest'
import { type KubeClient, resources } from '../../../core/io/kube/api.ts'
import { namespace, type Scene, startScene, withOldObjects } from './policy-scene.ts'

const deploy = { namespace, name: 'deploy' }
const builtin = { name: 'builtin' }

/**
 * Waits until all that happened before has been seen and judged: a policy made now is written last, as watch and queue
 * keep the order. Its own write is not counted.
 */
async function settled(scene: Scene, name: string): Promise<number> {
  scene.createPolicy(name)
  // A request is seen when its answer has gone, which is a moment after the object has changed.
  const own = () => scene.kube.requests({ verb: 'patch', subresource: 'status', name }).length
  await expect.poll(own, { timeout: 10_000, interval: 5 }).toBeGreaterThan(0)
  return scene.writes() - own()
}

describe('condition Ready', () => {
  it('is written once to each object, and not again when its own writes come back', async () => {
    await using scene = await startScene()
    scene.createProvider()
    await scene.becomes(null, 'True Ready')
    scene.createPolicy('deploy')

    const condition = await scene.becomes('deploy', 'True Ready')

    expect(condition).toEqual({
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      message: 'Tokens of at most 5m0s are issued by builtin.',
      observedGeneration: 1,
      lastTransitionTime: '2026-03-01T12:00:00Z',
    })
    expect(await settled(scene, 'last')).toBe(2)
  })

  it('is not touched by changes that are none', async () => {
    await using scene = await startScene()
    scene.createProvider()
    scene.createPolicy('deploy')
    await scene.becomes('deploy', 'True Ready')
    await scene.becomes(null, 'True Ready')
    const before = await settled(scene, 'first')

    for (let label = 0; label < 20; label++) {
      scene.kube.objects.patch(resources.tokenPolicies, deploy, { metadata: { labels: { label: `${label}` } } })
      scene.kube.objects.patch(resources.clusterTokenProviders, builtin, {
        metadata: { labels: { label: `${label}` } },
      })
    }
    scene.kube.faults.dropWatches()

    expect(await settled(scene, 'last')).toBe(before + 1)
    expect(scene.ready('deploy')?.observedGeneration).toBe(1)
  })

  it('follows the provider: missing, there, suspended, gone', async () => {
    await using scene = await startScene()
    scene.createPolicy('deploy')
    const missing = await scene.becomes('deploy', 'False ProviderNotFound')

    scene.time.ms += 1000
    scene.createProvider()
    const there = await scene.becomes('deploy', 'True Ready')
    scene.time.ms += 1000
    scene.kube.objects.patch(resources.clusterTokenProviders, builtin, { spec: { suspend: true } })
    const suspended = await scene.becomes('deploy', 'False Suspended')
    scene.time.ms += 1000
    scene.kube.objects.delete(resources.clusterTokenProviders, builtin)
    const gone = await scene.becomes('deploy', 'False ProviderNotFound')

    const times = [missing, there, suspended, gone].map((condition) => condition.lastTransitionTime.slice(17))
    expect(times).toEqual(['00Z', '01Z', '02Z', '02Z'])
    expect(scene.policies.provider('builtin')).toBeUndefined()
  })

  it('keeps the time of its transition while only its words change', async () => {
    await using scene = await startScene()
    scene.createProvider()
    scene.createPolicy('deploy')
    const before = await scene.becomes('deploy', 'True Ready')

    scene.time.ms += 60_000
    scene.kube.objects.patch(resources.tokenPolicies, deploy, { spec: { ttl: '3m' } })
    await expect.poll(() => scene.ready('deploy')?.observedGeneration, { interval: 5 }).toBe(2)

    expect(scene.ready('deploy')).toEqual({
      ...before,
      message: 'Tokens of at most 3m0s are issued by builtin.',
      observedGeneration: 2,
    })
  })

  it('names the generation that it is about, also where the words stay', async () => {
    await using scene = await startScene()
    scene.createProvider()
    scene.createPolicy('deploy')
    const before = await scene.becomes('deploy', 'True Ready')

    scene.kube.objects.patch(resources.tokenPolicies, deploy, { spec: { serviceAccounts: ['deployer'] } })

    await expect.poll(() => scene.ready('deploy'), { interval: 5 }).toEqual({ ...before, observedGeneration: 2 })
  })

  it('is put right when somebody else has written it', async () => {
    await using scene = await startScene()
    scene.createProvider()
    scene.createPolicy('deploy', { suspend: true })
    const { lastTransitionTime, ...before } = await scene.becomes('deploy', 'False Suspended')

    const forged = { ...before, status: 'True', reason: 'Fine', lastTransitionTime }
    scene.kube.objects.patchStatus(resources.tokenPolicies, deploy, { conditions: [forged] })

    expect(await scene.becomes('deploy', 'False Suspended')).toMatchObject(before)
  })

  it('is written although the API server fails at first, and once more when an answer was lost', async () => {
    await using scene = await startScene()
    const patches = { verb: 'patch', resource: 'tokenpolicies' }
    scene.createProvider()
    scene.kube.faults.next(patches, { kind: 'answer', status: 503 }, 2)
    scene.createPolicy('deploy')
    await scene.becomes('deploy', 'True Ready')
    scene.kube.faults.next(patches, { kind: 'lose' })

    scene.kube.objects.patch(resources.tokenPolicies, deploy, { spec: { suspend: true } })

    await scene.becomes('deploy', 'False Suspended')
    await expect.poll(() => scene.logLines.join(''), { interval: 5 }).toContain('"key":"policy/payments/deploy"')
  })

  it('is not written to what was deleted, or made anew, between the watch and the write', async () => {
    const gone = new Set<string>()
    await using scene = await startScene({
      through: (client): KubeClient => ({
        ...client,
        patch(resource, ref, ...rest) {
          // Just before the write arrives.
          if (ref.name.startsWith('gone') && !gone.has(ref.name)) {
            gone.add(ref.name)
            scene.kube.objects.delete(resources.tokenPolicies, { namespace, name: ref.name })
            if (ref.name === 'gone-and-back') scene.createPolicy(ref.name, { suspend: true })
          }
          return client.patch(resource, ref, ...rest)
        },
      }),
    })
    scene.createProvider()
    await scene.becomes(null, 'True Ready')

    scene.createPolicy('gone')
    scene.createPolicy('gone-and-back')

    expect(await scene.becomes('gone-and-back', 'False Suspended')).toMatchObject({ observedGeneration: 1 })
    await settled(scene, 'last')
    expect(scene.kube.requests({ verb: 'patch', name: 'gone' }).map(({ status }) => status)).toEqual([404])
    expect(scene.kube.requests({ verb: 'patch', name: 'gone-and-back' }).map(({ status }) => status)).toEqual([
      409, 200,
    ])
    expect(scene.logLines.join('')).not.toContain('work failed')
  })

  it('fits what the kind admits, however much there is to say', async () => {
    await using scene = await startScene()
    scene.createProvider()
    const scopes = Array.from({ length: 64 }, (_, at) => `${'x'.repeat(120)}:${at}`)
    scene.createPolicy('deploy', { scopes })

    const { message } = await scene.becomes('deploy', 'False ScopeNotAtProvider')

    expect(message).toHaveLength(1024)
    expect(message).toMatch(/^Provider builtin does not list x+:0, .*…$/)
  })

  it('waits for both lists: a provider that was not heard of yet is not missing', async () => {
    await using scene = await startScene({ starts: false })
    scene.createPolicy('deploy')
    scene.createProvider()
    scene.kube.faults.next({ verb: 'list', resource: 'clustertokenproviders' }, { kind: 'answer', status: 403 })

    scene.policies.start()
    await expect.poll(() => scene.policies.policies(namespace), { interval: 5 }).toHaveLength(1)
    expect(scene.policies.isSynced()).toBe(false)
    await scene.becomes('deploy', 'True Ready')

    expect(scene.policies.isSynced()).toBe(true)
    expect(scene.kube.requests({ verb: 'patch', resource: 'tokenpolicies' })).toHaveLength(1)
  })
})

describe('the store of policies', () => {
  it('has the policies of one namespace with their defaults, and providers by name', async () => {
    await using scene = await startScene()
    scene.createProvider()
    const { metadata } = scene.createPolicy('deploy')
    await expect.poll(() => scene.policies.policies(namespace), { interval: 5 }).toHaveLength(1)

    expect(scene.policies.policies(namespace)[0]).toMatchObject({
      name: 'deploy',
      namespace,
      uid: metadata.uid,
      generation: 1,
      spec: { providerRef: { name: 'builtin' }, ttl: '5m', mode: 'Enforce', suspend: false },
    })
    expect(scene.policies.policies('billing')).toEqual([])
    await expect.poll(() => scene.policies.provider('builtin')?.spec.limits.maxTTL, { interval: 5 }).toBe('15m')
    expect(scene.policies.provider('okta')).toBeUndefined()
  })

  it('takes an object that an older schema let in for absent, and says which', async () => {
    await using scene = await startScene({ through: withOldObjects })
    scene.createProvider()
    scene.createPolicy('deploy')
    await scene.becomes('deploy', 'True Ready')

    scene.kube.objects.patch(resources.tokenPolicies, deploy, { metadata: { labels: { schema: 'old' } } })
    await expect.poll(() => scene.policies.policies(namespace), { interval: 5 }).toEqual([])
    scene.createPolicy('push')
    await scene.becomes('push', 'True Ready')
    scene.kube.objects.patch(resources.clusterTokenProviders, builtin, { metadata: { labels: { schema: 'old' } } })

    await scene.becomes('push', 'False ProviderNotFound')
    expect(scene.policies.provider('builtin')).toBeUndefined()
    const warnings = scene.logLines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'object is not usable')
    expect(warnings).toMatchObject([
      { level: 'warn', resource: 'tokenpolicies', namespace, object: 'deploy' },
      { level: 'warn', resource: 'clustertokenproviders', object: 'builtin' },
    ])
  })

  it('takes it back when it is mended', async () => {
    await using scene = await startScene({ through: withOldObjects })
    const old = { metadata: { labels: { schema: 'old' } } }
    scene.createProvider()
    scene.createPolicy('deploy')
    scene.kube.objects.patch(resources.clusterTokenProviders, builtin, old)
    await scene.becomes('deploy', 'False ProviderNotFound')

    scene.kube.objects.patch(resources.clusterTokenProviders, builtin, { metadata: { labels: { schema: null } } })

    await scene.becomes('deploy', 'True Ready')
  })

  it.each(['list', 'watch'] as const)('says which %s is refused, until it is allowed', async (verb) => {
    await using scene = await startScene({ starts: false })
    const { kube, policies } = scene
    kube.faults.next({ verb, resource: 'tokenpolicies' }, { kind: 'answer', status: 403 }, 100)

    policies.start()
    await expect.poll(policies.refusals, { timeout: 10_000, interval: 5 }).toEqual(['watching tokenpolicies (403)'])
    kube.faults.clear()
    await expect.poll(policies.isSynced, { timeout: 10_000, interval: 5 }).toBe(true)
    scene.createPolicy('deploy')

    await expect.poll(policies.refusals, { timeout: 10_000, interval: 5 }).toEqual([])
  })

  it('ends while the API server does not answer', async () => {
    let asked = 0
    const scene = await startScene({
      starts: false,
      through: (client): KubeClient => ({
        ...client,
        list(...args) {
          asked += 1
          return client.list(...args)
        },
      }),
    })
    scene.kube.faults.next({ verb: 'list' }, { kind: 'hang' }, 4)
    scene.policies.start()
    await expect.poll(() => asked, { interval: 5 }).toBe(4)

    await scene[Symbol.asyncDispose]()

    expect(scene.policies.isSynced()).toBe(false)
  })
})
