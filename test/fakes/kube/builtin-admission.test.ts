import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Call, caller } from './call.ts'
import { addPod } from './fixtures.ts'
import { type FakeKube, startKube } from './server.ts'

const micro = '2026-08-20T10:00:00.123456Z'
const event = {
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'e' },
  involvedObject: { namespace: 'payments' },
  reason: 'Denied',
}
const newStyle = {
  ...event,
  eventTime: micro,
  reportingComponent: 'broker',
  reportingInstance: 'a',
  action: 'Exchange',
  type: 'Normal',
}
const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l' } }
const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } }
const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'r:x' } }
const binding = {
  ...role,
  kind: 'RoleBinding',
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
}
const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } }

const core = '/api/v1/namespaces/payments'
const leases = '/apis/coordination.k8s.io/v1/namespaces/payments/leases'
const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/payments'

describe('built-in kinds', () => {
  let kube: FakeKube
  let call: Call

  beforeAll(async () => {
    kube = await startKube()
    call = caller(kube)
    addPod(kube)
  })
  afterAll(() => kube.close())

  it.each([
    [
      201,
      'a lease with six digits of a second',
      leases,
      { ...lease, spec: { renewTime: micro, leaseDurationSeconds: 15 } },
    ],
    [400, 'a lease with three', leases, { ...lease, spec: { renewTime: '2026-08-20T10:00:00.123Z' } }],
    [422, 'a lease of no length', leases, { ...lease, spec: { leaseDurationSeconds: 0 } }],
    [201, 'an event of its namespace', `${core}/events`, event],
    [422, 'an event about another namespace', `${core}/events`, { ...event, involvedObject: { namespace: 'default' } }],
    [422, 'an event about nothing', `${core}/events`, { ...event, involvedObject: undefined }],
    [201, 'a new-style event', `${core}/events`, newStyle],
    [
      400,
      'a new-style event with three digits',
      `${core}/events`,
      { ...newStyle, eventTime: '2026-08-20T10:00:00.123Z' },
    ],
    [422, 'a new-style event without reporter', `${core}/events`, { ...newStyle, reportingComponent: '' }],
    [422, 'a new-style event with a long message', `${core}/events`, { ...newStyle, message: 'x'.repeat(1025) }],
    [201, 'a secret', `${core}/secrets`, { ...secret, data: { token: 'dG9rZW4=' } }],
    [400, 'a secret that is not base64', `${core}/secrets`, { ...secret, data: { token: 'to.ken' } }],
    [422, 'a secret over 1 MiB', `${core}/secrets`, { ...secret, stringData: { token: 'x'.repeat(1_200_000) } }],
    [201, 'a role', `${rbac}/roles`, { ...role, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }],
    [422, 'a role rule without verbs', `${rbac}/roles`, { ...role, rules: [{ apiGroups: [''], resources: ['pods'] }] }],
    [422, 'a role rule without groups', `${rbac}/roles`, { ...role, rules: [{ resources: ['pods'], verbs: ['get'] }] }],
    [201, 'a binding', `${rbac}/rolebindings`, { ...binding, subjects: [{ kind: 'User', name: 'u' }] }],
    [
      422,
      'a binding to an account of no namespace',
      `${rbac}/rolebindings`,
      { ...binding, subjects: [{ kind: 'ServiceAccount', name: 'u' }] },
    ],
    [422, 'a binding of nothing', `${rbac}/rolebindings`, { ...binding, roleRef: {} }],
    [201, 'a pod of an account that is there', `${core}/pods`, { ...pod, spec: { serviceAccountName: 'deployer' } }],
    [403, 'a pod of an account that is not', `${core}/pods`, { ...pod, spec: { serviceAccountName: 'nobody' } }],
  ])('are answered %i for %s', async (expected, _what, path, body) => {
    const { status } = await call('POST', `${path}?dryRun=All`, { body })

    expect(status).toBe(expected)
  })

  it('keep what is immutable', async () => {
    await call('POST', `${core}/secrets`, { body: { ...secret, immutable: true, stringData: { token: 'a' } } })
    await call('POST', `${rbac}/rolebindings`, { body: { ...binding, subjects: [] } })
    const contentType = 'application/merge-patch+json'
    const answers = [
      await call('PATCH', `${core}/secrets/s`, { contentType, body: { stringData: { token: 'b' } } }),
      await call('PATCH', `${core}/secrets/s`, { contentType, body: { type: 'kubernetes.io/tls' } }),
      await call('PATCH', `${rbac}/rolebindings/r:x`, { contentType, body: { roleRef: { name: 'admin' } } }),
      await call('PATCH', `${core}/pods/rollout`, { contentType, body: { spec: { serviceAccountName: 'default' } } }),
      await call('PATCH', `${core}/pods/rollout`, { contentType, body: { metadata: { labels: { a: 'b' } } } }),
    ]

    expect(answers.map(({ status }) => status)).toEqual([422, 422, 422, 422, 200])
  })
})
