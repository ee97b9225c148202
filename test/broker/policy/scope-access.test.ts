import { describe, expect, it } from 'vitest'
import { createAskScopeAccess, type ScopeQuestion } from '../../../broker/policy/scope-access.ts'
import { createExpiringCache } from '../../../core/expiring-cache.ts'
import type { AccessReviewResult, Resource } from '../../../core/io/kube/api.ts'
import { Problem } from '../../../core/problem.ts'
import { namespace, type Scene, startScene } from './policy-scene.ts'

const question: ScopeQuestion = {
  namespace,
  serviceAccount: 'deployer',
  provider: 'builtin',
  scope: 'deploy:staging',
}
const rbac = 'rbac.authorization.k8s.io'
const roleBindings: Resource = { group: rbac, version: 'v1', plural: 'rolebindings', isNamespaced: true }

function asking({ client, time }: Scene) {
  const clock = () => new Date(time.ms)
  return createAskScopeAccess(client, createExpiringCache<AccessReviewResult>({ ttlMs: 5000, maxEntries: 10, clock }))
}

/** A Role with the scope, bound to somebody. */
function allow({ kube }: Scene, subject: object, resourceName = 'builtin:deploy:staging'): void {
  const rules = [
    { apiGroups: ['tokenbroker.dev'], resources: ['tokenscopes'], resourceNames: [resourceName], verbs: ['exchange'] },
  ]
  const metadata = { name: 'deploy', namespace }
  kube.objects.create({ apiVersion: `${rbac}/v1`, kind: 'Role', metadata, rules })
  kube.objects.create({
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: rbac, kind: 'Role', name: 'deploy' },
    subjects: [subject],
  })
}

const deployer = { kind: 'ServiceAccount', name: 'deployer', namespace }
const reviews = ({ kube }: Scene) => kube.requests({ resource: 'subjectaccessreviews' }).length

describe('createAskScopeAccess', () => {
  it('answers what kubectl auth can-i answers', async () => {
    await using scene = await startScene({ starts: false })
    allow(scene, deployer)
    const ask = asking(scene)
    const answers = async (changes: Partial<ScopeQuestion>) => (await ask({ ...question, ...changes })).isAllowed

    expect(await ask(question)).toEqual({
      serviceAccount: 'deployer',
      scope: 'deploy:staging',
      resourceName: 'builtin:deploy:staging',
      isAllowed: true,
    })
    expect(await answers({ scope: 'deploy:production' })).toBe(false)
    expect(await answers({ provider: 'okta' })).toBe(false)
    expect(await answers({ serviceAccount: 'builder' })).toBe(false)
    expect(await answers({ namespace: 'billing' })).toBe(false)
  })

  it.each([
    ['the ServiceAccounts of the namespace', `system:serviceaccounts:${namespace}`],
    ['all ServiceAccounts', 'system:serviceaccounts'],
    ['everybody with an identity', 'system:authenticated'],
  ])('counts what is bound to the group of %s', async (_what, name) => {
    await using scene = await startScene({ starts: false })
    allow(scene, { kind: 'Group', apiGroup: rbac, name })

    expect(await asking(scene)(question)).toMatchObject({ isAllowed: true })
  })

  it('keeps a yes for as long as the cache does', async () => {
    await using scene = await startScene({ starts: false })
    allow(scene, deployer)
    const ask = asking(scene)

    await Promise.all([ask(question), ask(question)])
    await ask(question)
    expect(reviews(scene)).toBe(1)
    scene.kube.objects.delete(roleBindings, { namespace, name: 'deploy' })
    scene.time.ms += 4999
    expect(await ask(question)).toMatchObject({ isAllowed: true })
    scene.time.ms += 1

    expect(await ask(question)).toMatchObject({ isAllowed: false })
    expect(reviews(scene)).toBe(2)
  })

  it('never keeps a no', async () => {
    await using scene = await startScene({ starts: false })
    const ask = asking(scene)
    expect(await ask(question)).toMatchObject({ isAllowed: false })

    allow(scene, deployer)

    expect(await ask(question)).toMatchObject({ isAllowed: true })
  })

  it.each([
    [500, 'kubernetes_unavailable', 'SubjectAccessReview got no answer'],
    [403, 'kubernetes_refused', 'SubjectAccessReview was refused (403)'],
  ])('takes an answer %i for %s, and asks again next time', async (status, reason, detail) => {
    await using scene = await startScene({ starts: false })
    allow(scene, deployer)
    const ask = asking(scene)
    scene.kube.faults.next({ resource: 'subjectaccessreviews' }, { kind: 'answer', status }, 20)

    const failure = await ask(question).catch((error: unknown) => error)
    scene.kube.faults.clear()

    expect(failure).toBeInstanceOf(Problem)
    expect(failure).toMatchObject({ reason, detail, cause: expect.objectContaining({ status }) })
    expect(await ask(question)).toMatchObject({ isAllowed: true })
  })
})
