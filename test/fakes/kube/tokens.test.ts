import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resources } from '../../../core/io/kube/api.ts'
import { type Call, caller } from './call.ts'
import { addPod } from './fixtures.ts'
import { at, textAt } from './json.ts'
import { type FakeKube, startKube } from './server.ts'

const audience = 'https://broker'
const pod = { namespace: 'payments', serviceAccount: 'deployer', pod: 'rollout', audience }
const account = '/api/v1/namespaces/payments/serviceaccounts/deployer/token'
const where = { namespace: 'payments', name: 'rollout' }

function claimsOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

describe('ServiceAccount tokens', () => {
  let kube: FakeKube
  let call: Call
  let now: Date

  beforeEach(async () => {
    now = new Date('2026-08-20T10:00:00Z')
    kube = await startKube({ clock: () => now, issuer: 'https://kubernetes.default.svc.cluster.local' })
    call = caller(kube)
    addPod(kube)
  })
  afterEach(() => kube.close())

  async function review(token: string, audiences: readonly string[] | undefined = [audience]): Promise<unknown> {
    const spec = { token, ...(audiences === undefined ? {} : { audiences }) }
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec }
    return at((await call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body })).body, 'status')
  }

  const request = (spec: object) =>
    call('POST', account, { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec } })

  it('have the claims of Kubernetes 1.35', () => {
    const seconds = now.getTime() / 1000
    const { uid } = kube.objects.get(resources.pods, where)?.metadata ?? {}

    expect(claimsOf(kube.projectToken({ ...pod, expirationSeconds: 600 }))).toEqual({
      iss: 'https://kubernetes.default.svc.cluster.local',
      sub: 'system:serviceaccount:payments:deployer',
      aud: [audience],
      iat: seconds,
      nbf: seconds,
      exp: seconds + 600,
      jti: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      'kubernetes.io': {
        namespace: 'payments',
        node: { name: 'node1', uid: expect.any(String) },
        pod: { name: 'rollout', uid },
        serviceaccount: { name: 'deployer', uid: expect.any(String) },
      },
    })
  })

  it('are stretched to a year with warnafter when asked for 3607 s and the API server', async () => {
    const { body } = await request({ expirationSeconds: 3607 })
    const claims = claimsOf(textAt(body, 'status', 'token') ?? '')

    expect(at(claims, 'aud')).toEqual([kube.issuer.issuer])
    expect(Number(at(claims, 'exp')) - Number(at(claims, 'iat'))).toBe(365 * 24 * 3600)
    expect(Number(at(claims, 'kubernetes.io', 'warnafter')) - Number(at(claims, 'iat'))).toBe(3607)
  })

  it('come from TokenRequest, bound to a pod', async () => {
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'rollout' }
    const { status, body } = await request({ audiences: [audience], expirationSeconds: 600, boundObjectRef })

    expect(status).toBe(201)
    expect(textAt(body, 'status', 'expirationTimestamp')).toBe('2026-08-20T10:10:00Z')
    expect(await review(textAt(body, 'status', 'token') ?? '')).toMatchObject({ authenticated: true })
  })

  it.each([
    ['less than ten minutes', { expirationSeconds: 599 }, 422],
    ['more than 2^32 seconds', { expirationSeconds: 2 ** 33 }, 422],
    ['a pod that is not there', { boundObjectRef: { kind: 'Pod', name: 'other' } }, 404],
    ['another uid of the pod', { boundObjectRef: { kind: 'Pod', name: 'rollout', uid: 'other' } }, 409],
    ['a kind that nothing binds to', { boundObjectRef: { kind: 'ConfigMap', name: 'x' } }, 400],
  ])('are refused for %s', async (_what, spec, expected) => {
    expect((await request(spec)).status).toBe(expected)
  })

  it('are not bound to a pod of another ServiceAccount', async () => {
    kube.objects.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'other', namespace: 'payments' }, spec: {} })

    expect((await request({ boundObjectRef: { kind: 'Pod', name: 'other' } })).status).toBe(400)
  })

  it('are reviewed with user, groups and extra', async () => {
    const token = kube.projectToken(pod)
    const { uid } = kube.objects.get(resources.pods, where)?.metadata ?? {}

    expect(await review(token)).toEqual({
      authenticated: true,
      audiences: [audience],
      user: {
        username: 'system:serviceaccount:payments:deployer',
        uid: expect.any(String),
        groups: ['system:serviceaccounts', 'system:serviceaccounts:payments', 'system:authenticated'],
        extra: {
          'authentication.kubernetes.io/credential-id': [`JTI=${textAt(claimsOf(token), 'jti')}`],
          'authentication.kubernetes.io/node-name': ['node1'],
          'authentication.kubernetes.io/node-uid': [expect.any(String)],
          'authentication.kubernetes.io/pod-name': ['rollout'],
          'authentication.kubernetes.io/pod-uid': [uid],
        },
      },
    })
  })

  it('are for the audiences that were asked about, or for the API server', async () => {
    const token = kube.projectToken(pod)
    const wrong = await review(token, ['https://other'])

    expect(await review(token, ['https://other', audience])).toMatchObject({ audiences: [audience] })
    expect(await review(token, [])).toMatchObject({ user: {}, error: expect.any(String) })
    expect(textAt(wrong, 'error')).toBe(
      '[invalid bearer token, token audiences ["https://broker"] is invalid for the target audiences ["https://other"]]',
    )
    expect(at(wrong, 'authenticated')).toBeUndefined()
    expect(await review(kube.serviceAccountToken(pod), [])).toMatchObject({
      authenticated: true,
      audiences: [kube.issuer.issuer],
    })
  })

  it('expire a minute after their time', async () => {
    const token = kube.projectToken({ ...pod, expirationSeconds: 600 })
    now = new Date(now.getTime() + 659_000)
    const before = await review(token)
    now = new Date(now.getTime() + 3_000)

    expect(before).toMatchObject({ authenticated: true })
    expect(await review(token)).toEqual({
      user: {},
      error: '[invalid bearer token, service account token has expired]',
    })
  })

  it('end with their pod, with a minute of grace while it is being deleted', async () => {
    const token = kube.projectToken(pod)
    kube.objects.patch(resources.pods, where, { metadata: { finalizers: ['a.b/c'] } })
    kube.objects.delete(resources.pods, where)
    const dying = await review(token)
    now = new Date(now.getTime() + 61_000)
    const dead = await review(token)
    kube.objects.patch(resources.pods, where, { metadata: { finalizers: null } })
    const gone = await review(token)

    expect(dying).toMatchObject({ authenticated: true })
    expect(dead).toMatchObject({ error: '[invalid bearer token, service account token has been invalidated]' })
    expect(gone).toMatchObject({ error: '[invalid bearer token, service account token has been invalidated]' })
  })

  it('end when pod or ServiceAccount are made anew under the same name', async () => {
    const token = kube.projectToken(pod)
    kube.objects.delete(resources.pods, where)
    const spec = { serviceAccountName: 'deployer' }
    kube.objects.create({ apiVersion: 'v1', kind: 'Pod', metadata: where, spec })
    const otherPod = await review(token)
    kube.objects.delete(resources.serviceAccounts, { namespace: 'payments', name: 'deployer' })
    const noAccount = await review(token)

    expect(otherPod).toMatchObject({ error: expect.stringContaining('does not match service account pod ref claim') })
    expect(noAccount).toMatchObject({ error: '[invalid bearer token, serviceaccounts "deployer" not found]' })
  })

  it('survive a rotation of the key that keeps the old one, and no other', async () => {
    const token = kube.projectToken(pod)
    const old = kube.issuer.keys()[0]?.kid
    await kube.rotateServiceAccountKey()
    const kept = await review(token)
    const kids = kube.issuer.jwks().keys.map((key) => textAt(key, 'kid'))
    await kube.rotateServiceAccountKey({ dropsOld: true })

    expect(kept).toMatchObject({ authenticated: true })
    expect(kids).toHaveLength(2)
    expect(kids[1]).toBe(old)
    expect(at(await review(token), 'authenticated')).toBeUndefined()
  })

  it('are described by the OIDC documents', async () => {
    const discovery = await call('GET', '/.well-known/openid-configuration')

    expect(discovery.body).toMatchObject({ issuer: kube.issuer.issuer, jwks_uri: `${kube.url}/openid/v1/jwks` })
    expect((await call('GET', '/openid/v1/jwks')).body).toMatchObject({
      keys: [{ kty: 'RSA', alg: 'RS256', use: 'sig' }],
    })
  })
})
