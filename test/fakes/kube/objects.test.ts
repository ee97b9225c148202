import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { resources } from '../../../core/io/kube/api.ts'
import { type Call, caller } from './call.ts'
import { tokenPolicy } from './fixtures.ts'
import { at } from './json.ts'
import { type FakeKube, startKube } from './server.ts'

const policies = '/apis/tokenbroker.dev/v1alpha1/namespaces/payments/tokenpolicies'
const policy = `${policies}/deploy-staging`
const merge = 'application/merge-patch+json'

describe('objects over HTTP', () => {
  let kube: FakeKube
  let call: Call

  beforeAll(async () => {
    kube = await startKube()
    call = caller(kube)
    kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'any', namespace: 'payments' } })
  })
  afterAll(() => kube.close())
  beforeEach(async () => {
    await call('DELETE', policies)
    await call('POST', policies, { body: tokenPolicy })
  })

  it('creates with what the server owns and the defaults of the schema', async () => {
    const { body } = await call('GET', policy)

    expect(body).toMatchObject({
      metadata: {
        uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        resourceVersion: expect.stringMatching(/^\d+$/),
        generation: 1,
        creationTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      },
      spec: { providerRef: { name: 'builtin' }, ttl: '5m', mode: 'Enforce', suspend: false },
    })
  })

  it.each([
    ['an unknown field', { spec: { ...tokenPolicy.spec, color: 'red' } }, 422, 'Invalid', 'spec.color'],
    ['a wrong type', { spec: { ...tokenPolicy.spec, suspend: 'no' } }, 422, 'Invalid', 'spec.suspend'],
    ['a repeated scope', { spec: { ...tokenPolicy.spec, scopes: ['a', 'a'] } }, 422, 'Invalid', 'spec.scopes'],
    ['an unknown field at the top', { data: {} }, 422, 'Invalid', 'data'],
    ['a bad name', { metadata: { name: 'Deploy_Staging' } }, 422, 'Invalid', 'metadata.name'],
    ['no name', { metadata: {} }, 422, 'Invalid', 'metadata.name'],
    ['another namespace', { metadata: { name: 'x', namespace: 'default' } }, 400, 'BadRequest', undefined],
    ['another kind', { kind: 'TokenScope' }, 400, 'BadRequest', undefined],
    ['a label that is none', { metadata: { name: 'x', labels: { a: 'b c' } } }, 422, 'Invalid', 'metadata.labels'],
    ['a name that is taken', {}, 409, 'AlreadyExists', undefined],
  ])('refuses %s with a metav1.Status', async (_what, change, code, reason, field) => {
    const { status, body } = await call('POST', policies, { body: { ...tokenPolicy, ...change } })

    expect(status).toBe(code)
    expect(body).toMatchObject({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, code })
    expect(at(body, 'details', 'causes', 0, 'field')).toBe(field)
  })

  it('answers NotFound as kube-apiserver words it', async () => {
    const { body } = await call('GET', `${policies}/nothing`)

    expect(body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'tokenpolicies.tokenbroker.dev "nothing" not found',
      reason: 'NotFound',
      details: { name: 'nothing', group: 'tokenbroker.dev', kind: 'tokenpolicies' },
      code: 404,
    })
  })

  it('accepts no TokenScope and no object in a namespace that is not there', async () => {
    const scope = { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenScope', metadata: { name: 'x' }, spec: {} }
    const refused = await call('POST', policies.replace('tokenpolicies', 'tokenscopes'), { body: scope })
    const nowhere = await call('POST', policies.replace('payments', 'nowhere'), {
      body: { ...tokenPolicy, metadata: { name: 'x' } },
    })

    expect(refused.status).toBe(422)
    expect(nowhere).toMatchObject({ status: 404, body: { message: 'namespaces "nowhere" not found' } })
  })

  it('raises the generation with the spec and with nothing else', async () => {
    await call('PATCH', policy, { contentType: merge, body: { metadata: { labels: { a: 'b' } } } })
    await call('PATCH', `${policy}/status`, { contentType: merge, body: { status: { observedGeneration: 1 } } })
    const before = await call('GET', policy)
    const after = await call('PATCH', policy, { contentType: merge, body: { spec: { suspend: true } } })

    expect(at(before.body, 'metadata', 'generation')).toBe(1)
    expect(at(after.body, 'metadata', 'generation')).toBe(2)
  })

  it('keeps the resourceVersion of a write that changes nothing', async () => {
    const first = await call('GET', policy)
    const second = await call('PATCH', policy, { contentType: merge, body: { spec: { suspend: false } } })

    expect(at(second.body, 'metadata', 'resourceVersion')).toBe(at(first.body, 'metadata', 'resourceVersion'))
  })

  it('writes status on its subresource only, and nothing else there', async () => {
    const change = { metadata: { labels: { a: 'b' } }, spec: { suspend: true }, status: { observedGeneration: 7 } }
    const main = await call('PATCH', policy, { contentType: merge, body: change })
    const status = await call('PATCH', `${policy}/status`, {
      contentType: merge,
      body: { ...change, spec: { suspend: false } },
    })

    expect(main.body).toMatchObject({ spec: { suspend: true }, metadata: { labels: { a: 'b' } } })
    expect(at(main.body, 'status')).toBeUndefined()
    expect(status.body).toMatchObject({ spec: { suspend: true }, status: { observedGeneration: 7 } })
  })

  it('refuses an update of an old version and one without a version', async () => {
    const { body: old } = await call('GET', policy)
    await call('PATCH', policy, { contentType: merge, body: { spec: { suspend: true } } })
    const stale = await call('PUT', policy, { body: old })
    const blind = await call('PUT', policy, { body: tokenPolicy })

    expect(stale).toMatchObject({ status: 409, body: { reason: 'Conflict', details: { kind: 'tokenpolicies' } } })
    expect(blind).toMatchObject({ status: 422, body: { reason: 'Invalid' } })
  })

  it('patches by RFC 6902, refuses strategic merge, wants a field manager for apply', async () => {
    const json = await call('PATCH', policy, {
      contentType: 'application/json-patch+json',
      body: [
        { op: 'test', path: '/spec/scopes/0', value: 'deploy:staging' },
        { op: 'add', path: '/spec/scopes/-', value: 'deploy:production' },
      ],
    })
    const failed = await call('PATCH', policy, {
      contentType: 'application/json-patch+json',
      body: [{ op: 'test', path: '/spec/scopes/0', value: 'other' }],
    })
    const strategic = await call('PATCH', policy, { contentType: 'application/strategic-merge-patch+json', body: {} })
    const apply = {
      contentType: 'application/apply-patch+yaml',
      body: { ...tokenPolicy, metadata: { name: 'applied' } },
    }
    const unmanaged = await call('PATCH', `${policies}/applied`, apply)
    const created = await call('PATCH', `${policies}/applied?fieldManager=broker`, apply)
    const again = await call('PATCH', `${policies}/applied?fieldManager=broker`, apply)

    expect(json.body).toMatchObject({ spec: { scopes: ['deploy:staging', 'deploy:production'] } })
    expect([failed.status, strategic.status, unmanaged.status, created.status, again.status]).toEqual([
      422, 415, 422, 201, 200,
    ])
  })

  it('deletes on the right uid only and waits for finalizers', async () => {
    await call('PATCH', policy, { contentType: merge, body: { metadata: { finalizers: ['tokenbroker.dev/revoke'] } } })
    const wrong = await call('DELETE', policy, { body: { preconditions: { uid: 'other' } } })
    const held = await call('DELETE', policy)
    const added = await call('PATCH', policy, {
      contentType: merge,
      body: { metadata: { finalizers: ['tokenbroker.dev/revoke', 'a.b/c'] } },
    })
    const released = await call('PATCH', policy, { contentType: merge, body: { metadata: { finalizers: null } } })
    const gone = await call('GET', policy)

    expect(wrong).toMatchObject({ status: 409, body: { reason: 'Conflict' } })
    expect(held).toMatchObject({ status: 200, body: { metadata: { deletionTimestamp: expect.any(String) } } })
    expect(added.status).toBe(422)
    expect(released.status).toBe(200)
    expect(gone.status).toBe(404)
  })

  it('answers a dry run and stores nothing', async () => {
    const { status } = await call('POST', `${policies}?dryRun=All`, {
      body: { ...tokenPolicy, metadata: { name: 'dry' } },
    })

    expect(status).toBe(201)
    expect((await call('GET', `${policies}/dry`)).status).toBe(404)
  })

  it('generates names', async () => {
    const { body } = await call('POST', policies, { body: { ...tokenPolicy, metadata: { generateName: 'p-' } } })

    expect(at(body, 'metadata', 'name')).toMatch(/^p-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  })

  it.each([
    ['POST', policies, '{', 400],
    ['POST', policies, '[]', 400],
    ['POST', `${policies}/deploy-staging`, tokenPolicy, 405],
    ['GET', '/apis/tokenbroker.dev/v1alpha1/tokenmints', undefined, 404],
    ['GET', '/%ff', undefined, 400],
    ['POST', policies, { ...tokenPolicy, spec: { audience: 'x'.repeat(3 * 1024 * 1024) } }, 413],
  ])('answers %s %s with a bad request', async (method, path, body, expected) => {
    const { status } = await call(method, path, body === undefined ? {} : { body })

    expect(status).toBe(expected)
  })

  it('deletes dependants of a deleted owner, and the contents of a deleted namespace', async () => {
    const owner = kube.objects.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'owner', namespace: 'gone' },
    })
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid }]
    kube.objects.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'token', namespace: 'gone', ownerReferences },
    })
    kube.objects.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'free', namespace: 'gone' } })

    kube.objects.delete({ ...resources.secrets, plural: 'configmaps' }, { namespace: 'gone', name: 'owner' })
    await kube.idle()
    const left = kube.objects.list(resources.secrets, 'gone').map(({ metadata }) => metadata.name)
    await call('DELETE', '/api/v1/namespaces/gone')
    await kube.idle()

    expect(left).toEqual(['free'])
    expect((await call('GET', '/api/v1/namespaces/gone')).status).toBe(404)
    expect(kube.objects.list(resources.secrets, 'gone')).toHaveLength(0)
  })
})
