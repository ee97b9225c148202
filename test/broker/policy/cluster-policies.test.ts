import { describe, expect, it } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { audience, namespace, type Scene, startScene, withOldObjects } from './policy-scene.ts'

const shared = { name: 'shared' }

function createClusterPolicy({ kube }: Scene, spec: object = {}, name = 'shared'): void {
  kube.objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'ClusterTokenPolicy',
    metadata: { name },
    spec: { audience, scopes: ['deploy:staging'], ...spec },
  })
}

function label({ kube }: Scene, labels: Readonly<Record<string, string | null>>): void {
  kube.objects.patch(resources.namespaces, { name: namespace }, { metadata: { labels } })
}

function namesIn({ policies }: Scene, where = namespace) {
  return () => policies.policies(where).map(({ kind, name }) => `${kind} ${name}`)
}

function condition({ kube }: Scene) {
  return () => {
    const object = kube.objects.get<KubeObject>(resources.clusterTokenPolicies, shared)
    const { conditions = [] } = (object?.status ?? {}) as {
      readonly conditions?: readonly { readonly reason: string }[]
    }
    return conditions[0]?.reason
  }
}

const poll = { timeout: 10_000, interval: 5 }
const forTeamA = { namespaceSelector: { matchLabels: { team: 'a' } } }

describe('a ClusterTokenPolicy', () => {
  it('stands in every namespace that its selector takes, as that of the namespace', async () => {
    await using scene = await startScene()
    createClusterPolicy(scene, forTeamA)
    createClusterPolicy(scene, {}, 'everywhere')
    await expect.poll(namesIn(scene), poll).toEqual(['ClusterTokenPolicy everywhere'])

    label(scene, { team: 'a' })

    await expect
      .poll(() => namesIn(scene)().toSorted(), poll)
      .toEqual(['ClusterTokenPolicy everywhere', 'ClusterTokenPolicy shared'])
    expect(scene.policies.policies(namespace).every((policy) => policy.namespace === namespace)).toBe(true)
    expect(scene.policies.policies('default').map(({ name }) => name)).toEqual(['everywhere'])
    label(scene, { team: null })
    await expect.poll(namesIn(scene), poll).toEqual(['ClusterTokenPolicy everywhere'])
  })

  it('stands in no namespace that is not known, where it selects', async () => {
    await using scene = await startScene()
    createClusterPolicy(scene, { namespaceSelector: {} })
    await expect.poll(namesIn(scene), poll).toEqual(['ClusterTokenPolicy shared'])

    expect(namesIn(scene, 'nowhere')()).toEqual([])
    expect(scene.policies.namespaceLabels('nowhere')).toBeUndefined()
  })

  it('comes behind a TokenPolicy of its name, and back when that is gone', async () => {
    await using scene = await startScene()
    createClusterPolicy(scene)
    scene.createPolicy('shared', { ttl: '1m' })
    await expect.poll(namesIn(scene), poll).toEqual(['TokenPolicy shared'])
    await expect.poll(namesIn(scene, 'default'), poll).toEqual(['ClusterTokenPolicy shared'])

    scene.kube.objects.delete(resources.tokenPolicies, { namespace, name: 'shared' })

    await expect.poll(namesIn(scene), poll).toEqual(['ClusterTokenPolicy shared'])
  })

  it('allows no more because the TokenPolicy of its name cannot be read', async () => {
    await using scene = await startScene({ through: withOldObjects })
    createClusterPolicy(scene)
    createClusterPolicy(scene, {}, 'other')
    await expect.poll(namesIn(scene), poll).toHaveLength(2)
    const unreadable = { name: 'shared', namespace, labels: { schema: 'old' } }
    const spec = { audience, scopes: ['deploy:staging'], ttl: '1m' }

    scene.kube.objects.create({
      apiVersion: 'tokenbroker.dev/v1alpha1',
      kind: 'TokenPolicy',
      metadata: unreadable,
      spec,
    })

    await expect.poll(namesIn(scene), poll).toEqual(['ClusterTokenPolicy other'])

    scene.kube.objects.delete(resources.tokenPolicies, { namespace, name: 'shared' })
    await expect.poll(namesIn(scene), poll).toHaveLength(2)
  })

  it('takes effect as it is changed and removed', async () => {
    await using scene = await startScene()
    createClusterPolicy(scene)
    await expect.poll(namesIn(scene), poll).toHaveLength(1)

    scene.kube.objects.patch(resources.clusterTokenPolicies, shared, { spec: { suspend: true } })
    await expect.poll(() => scene.policies.policies(namespace)[0]?.spec.suspend, poll).toBe(true)
    scene.kube.objects.delete(resources.clusterTokenPolicies, shared)

    await expect.poll(namesIn(scene), poll).toEqual([])
  })

  it('says whether it is usable, and follows its provider', async () => {
    await using scene = await startScene()
    createClusterPolicy(scene, forTeamA)
    await expect.poll(condition(scene), poll).toBe('ProviderNotFound')

    scene.createProvider()

    await expect.poll(condition(scene), poll).toBe('Ready')
  })
})

describe('a policy of a namespace', () => {
  it('says that its provider is not for the namespace, until the namespace is labelled', async () => {
    await using scene = await startScene()
    scene.createProvider('builtin', forTeamA)
    scene.createPolicy('deploy')
    await scene.becomes('deploy', 'False NamespaceNotAtProvider')

    label(scene, { team: 'a' })

    await scene.becomes('deploy', 'True Ready')
  })

  it('has its validations compiled, and says which is none', async () => {
    await using scene = await startScene()
    scene.createProvider()
    const validation = { name: 'main-only', expression: 'event.ref == "refs/heads/main"', message: 'only main' }
    scene.createPolicy('deploy', { validations: [validation] })
    await scene.becomes('deploy', 'True Ready')
    expect(scene.policies.policies(namespace)[0]?.validations).toMatchObject([{ name: 'main-only' }])

    const patch = { spec: { validations: [{ ...validation, expression: 'event.ref = "x"' }] } }
    scene.kube.objects.patch(resources.tokenPolicies, { namespace, name: 'deploy' }, patch)

    const { message } = await scene.becomes('deploy', 'False ExpressionInvalid')
    expect(message).toMatch(/^Validation main-only: character \d+: /)
  })
})
