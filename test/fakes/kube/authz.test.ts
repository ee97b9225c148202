import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { caller } from './call.ts'
import { addPod } from './fixtures.ts'
import { type FakeKube, startKube } from './server.ts'

const rbac = 'rbac.authorization.k8s.io/v1'
const deployer = { kind: 'ServiceAccount', name: 'deployer', namespace: 'payments' }
const roleRef = (kind: string, name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name })
const user = 'system:serviceaccount:payments:deployer'
const groups = ['system:serviceaccounts', 'system:serviceaccounts:payments', 'system:authenticated']

function grant(kube: FakeKube): void {
  const { objects } = kube
  const namespaced = { namespace: 'payments' }
  objects.create({
    apiVersion: rbac,
    kind: 'Role',
    metadata: { name: 'scopes', ...namespaced },
    rules: [
      {
        apiGroups: ['tokenbroker.dev'],
        resources: ['tokenscopes'],
        resourceNames: ['builtin:deploy:staging'],
        verbs: ['exchange'],
      },
      { apiGroups: ['tekton.dev'], resources: ['customruns/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['mine'], verbs: ['get', 'list', 'watch'] },
    ],
  })
  objects.create({
    apiVersion: rbac,
    kind: 'RoleBinding',
    metadata: { name: 'scopes', ...namespaced },
    roleRef: roleRef('Role', 'scopes'),
    subjects: [deployer],
  })
  objects.create({
    apiVersion: rbac,
    kind: 'ClusterRole',
    metadata: { name: 'part', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
    rules: [{ apiGroups: ['tokenbroker.dev'], resources: ['tokenpolicies'], verbs: ['get'] }],
  })
  objects.create({
    apiVersion: rbac,
    kind: 'RoleBinding',
    metadata: { name: 'view', ...namespaced },
    roleRef: roleRef('ClusterRole', 'view'),
    subjects: [{ kind: 'Group', name: 'system:serviceaccounts:payments' }],
  })
  objects.create({
    apiVersion: rbac,
    kind: 'ClusterRole',
    metadata: { name: 'metrics' },
    rules: [
      { nonResourceURLs: ['/metrics/*'], verbs: ['get'] },
      { apiGroups: ['*'], resources: ['*/scale'], verbs: ['*'] },
    ],
  })
  objects.create({
    apiVersion: rbac,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'metrics' },
    roleRef: roleRef('ClusterRole', 'metrics'),
    subjects: [{ kind: 'User', name: user }],
  })
}

describe('RBAC', () => {
  let kube: FakeKube

  beforeAll(async () => {
    kube = await startKube()
    addPod(kube)
    grant(kube)
  })
  afterAll(() => kube.close())

  const inPayments = { namespace: 'payments' }
  it.each([
    [
      true,
      {
        ...inPayments,
        verb: 'exchange',
        group: 'tokenbroker.dev',
        resource: 'tokenscopes',
        name: 'builtin:deploy:staging',
      },
    ],
    [
      false,
      {
        ...inPayments,
        verb: 'exchange',
        group: 'tokenbroker.dev',
        resource: 'tokenscopes',
        name: 'builtin:deploy:production',
      },
    ],
    [false, { ...inPayments, verb: 'exchange', group: 'tokenbroker.dev', resource: 'tokenscopes' }],
    [
      false,
      {
        namespace: 'default',
        verb: 'exchange',
        group: 'tokenbroker.dev',
        resource: 'tokenscopes',
        name: 'builtin:deploy:staging',
      },
    ],
    [false, { ...inPayments, verb: 'exchange', group: '', resource: 'tokenscopes', name: 'builtin:deploy:staging' }],
    [
      true,
      {
        ...inPayments,
        verb: 'patch',
        group: 'tekton.dev',
        resource: 'customruns',
        subresource: 'status',
        name: 'token',
      },
    ],
    [false, { ...inPayments, verb: 'patch', group: 'tekton.dev', resource: 'customruns', name: 'token' }],
    [true, { ...inPayments, verb: 'get', group: 'tokenbroker.dev', resource: 'tokenpolicies' }],
    [true, { ...inPayments, verb: 'get', group: '', resource: 'pods' }],
    [false, { ...inPayments, verb: 'delete', group: '', resource: 'pods' }],
    [true, { ...inPayments, verb: 'update', group: 'apps', resource: 'deployments', subresource: 'scale' }],
    [false, { ...inPayments, verb: 'update', group: 'apps', resource: 'deployments' }],
  ])('decides %s for %j, in a SubjectAccessReview', async (allowed, resourceAttributes) => {
    const { status, body } = await caller(kube)('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, groups, resourceAttributes },
      },
    })

    expect(status).toBe(201)
    expect(body).toMatchObject({ status: { allowed } })
  })

  it.each([
    [true, '/metrics/cadvisor'],
    [false, '/logs'],
    [true, '/version'],
  ])('decides %s for GET %s', async (allowed, path) => {
    const { body } = await caller(kube)('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user, groups, nonResourceAttributes: { path, verb: 'get' } },
      },
    })

    expect(body).toMatchObject({ status: { allowed } })
  })

  it.each([
    ['no subject', { resourceAttributes: { verb: 'get', resource: 'pods' } }],
    ['both kinds of attributes', { user, resourceAttributes: { verb: 'get' }, nonResourceAttributes: { path: '/' } }],
    ['neither', { user }],
  ])('refuses a review with %s', async (_what, spec) => {
    const { status } = await caller(kube)('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec },
    })

    expect(status).toBe(422)
  })

  it('holds on every request, by name where a list or watch names one', async () => {
    const call = caller(kube, kube.serviceAccountToken({ namespace: 'payments', serviceAccount: 'deployer' }))
    const secrets = '/api/v1/namespaces/payments/secrets'
    const answers = await Promise.all([
      call('GET', '/api/v1/namespaces/payments/pods'),
      call('GET', '/api/v1/pods'),
      call('GET', secrets),
      call('GET', `${secrets}?fieldSelector=metadata.name%3Dmine`),
      call('GET', `${secrets}?fieldSelector=metadata.name%3Dother`),
      call('GET', '/openid/v1/jwks'),
      call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: {} }),
    ])

    expect(answers.map(({ status }) => status)).toEqual([200, 403, 403, 200, 403, 200, 403])
    expect(answers[1]?.body).toMatchObject({
      reason: 'Forbidden',
      message: `pods is forbidden: User "${user}" cannot list resource "pods" in API group "" at the cluster scope`,
    })
  })

  it('lets those act for others who may impersonate them', async () => {
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    const asDeployer = (token: string) =>
      fetch(`${kube.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'impersonate-user': user },
        body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }),
      })
    const allowed = await asDeployer(kube.adminToken)
    const refused = await asDeployer(kube.serviceAccountToken({ namespace: 'payments', serviceAccount: 'deployer' }))

    expect(await allowed.json()).toMatchObject({ status: { userInfo: { username: user, groups } } })
    expect(refused.status).toBe(403)
  })

  it('knows nobody without a token, and refuses a bad one', async () => {
    const anonymous = caller(kube, null)

    expect((await anonymous('GET', '/readyz')).body).toBe('ok')
    expect((await anonymous('GET', '/api/v1/pods')).status).toBe(403)
    expect(await caller(kube, 'nonsense')('GET', '/readyz')).toMatchObject({
      status: 401,
      body: { reason: 'Unauthorized' },
    })
    const forBroker = kube.projectToken({
      namespace: 'payments',
      serviceAccount: 'deployer',
      pod: 'rollout',
      audience: 'https://broker',
    })
    expect((await caller(kube, forBroker)('GET', '/readyz')).status).toBe(401)
  })

  it('refuses a missing token with 401 where anonymous requests are off', async () => {
    await using strict = await startKube({ allowsAnonymous: false })

    expect((await caller(strict, null)('GET', '/readyz')).status).toBe(401)
  })
})
