import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeClient, TokenReviewResult } from '../../../core/io/kube/api.ts'
import { resources } from '../../../core/io/kube/api.ts'
import { Secret } from '../../../core/secret.ts'
import { rejection } from '../../core/reason-of.ts'
import { createForge, type Forgery, forgeryNames } from '../../fakes/kube/forge.ts'
import {
  audience,
  createPod,
  expectNoTrace,
  goodToken,
  namespace,
  pod,
  signal,
  signText,
  startWorld,
  trustedCluster,
  verifierOf,
  type World,
} from './identity-fixture.ts'

const second = 1000
const rollout = { namespace, name: 'rollout' }

let world: World
let forge: Awaited<ReturnType<typeof createForge>>
beforeAll(async () => {
  world = await startWorld()
  forge = await createForge(world.kube, pod)
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

/** Why each forgery is refused: by the first check that can see it. */
const reasons: Readonly<Record<Forgery, RegExp>> = {
  wrongKey: /signature$/,
  unknownKid: /key$/,
  rightKeyUnknownKid: /key$/,
  algNone: /malformed$/,
  algHs256: /algorithm$/,
  embeddedJwk: /forbidden_header$/,
  jku: /forbidden_header$/,
  jkuRightKey: /forbidden_header$/,
  critical: /forbidden_header$/,
  tamperedPayload: /signature$/,
  // Whether a cut falls on a whole byte is chance.
  truncated: /malformed$|signature$/,
  noSignature: /malformed$/,
  fourSegments: /malformed$/,
  paddedSegment: /malformed$/,
  otherSignatureSpelling: /malformed$/,
  lineBreak: /malformed$/,
  notAToken: /malformed$/,
  expired: /expired$/,
  expiredWithinLeeway: /expired$/,
  futureNbf: /not_yet_valid$/,
  futureIat: /not_yet_valid$/,
  noExpiry: /claims$/,
  longLived: /lifetime$/,
  pastWarnAfter: /lifetime$/,
  wrongIssuer: /issuer$/,
  issuerTrailingSlash: /issuer$/,
  legacyIssuer: /issuer$/,
  extraAudience: /audience$/,
  wrongAudience: /audience$/,
  apiServerAudience: /audience$/,
  noAudience: /claims$/,
  noPodBinding: /unbound$/,
  nodeBound: /unbound$/,
  secretBound: /unbound$/,
  otherPodUid: /rejected$/,
  otherServiceAccountUid: /rejected$/,
  subjectMismatch: /claims$/,
  noCredentialId: /claims$/,
  noKubernetesClaim: /claims$/,
}

/** Forgeries that need no question to the API server to be seen through, keys aside. */
const needReview: readonly Forgery[] = ['otherPodUid', 'otherServiceAccountUid']

describe('createVerifyWorkload', () => {
  it('proves a pod by its projected token', async () => {
    const { uid } = world.kube.objects.get(resources.pods, rollout)?.metadata ?? {}
    const account = world.kube.objects.get(resources.serviceAccounts, { namespace, name: 'deployer' })

    const workload = await verifierOf(world)(goodToken(world), signal)

    expect(workload).toEqual({
      cluster: 'main',
      namespace,
      serviceAccount: { name: 'deployer', uid: account?.metadata.uid },
      pod: { name: 'rollout', uid },
      node: { name: 'node1', uid: expect.any(String) },
      credentialId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      issuedAt: world.clock(),
      expiresAt: new Date(world.time.ms + 3600 * second),
      revocationCheck: 'token-review',
    })
  })

  it.each(forgeryNames)('refuses the forgery %s, and shows nothing of it', async (name) => {
    const forged = forge(name)
    world.kube.forgetRequests()

    const problem = await rejection(verifierOf(world)(new Secret(forged), signal))

    expect(problem.reason).toMatch(reasons[name])
    expect(problem.row).toMatchObject({ oauth: 'invalid_request', status: 400, outcome: 'denied' })
    expectNoTrace(problem, forged)
    const reviews = world.kube.requests({ resource: 'tokenreviews' })
    expect(reviews).toHaveLength(needReview.includes(name) ? 1 : 0)
  })

  it.each([
    ['exp: 1e400', '"exp":1e400'],
    ['exp: -0', '"exp":-0'],
    ['exp as text', '"exp":"4000000000"'],
    ['exp: null', '"exp":null'],
    ['a second aud', '"aud":["https://broker.example.com"],"aud":["https://kubernetes.default.svc"]'],
    ['sub as object', '"sub":{}'],
  ])('refuses %s, which JSON can say and JSON.stringify cannot', async (_what, text) => {
    const good: unknown = JSON.parse(Buffer.from(goodToken(world).reveal().split('.')[1] ?? '', 'base64url').toString())
    const forged = signText(world, JSON.stringify(good).replace(/\}$/, `,${text}}`))

    const problem = await rejection(verifierOf(world)(new Secret(forged), signal))

    expect(problem.reason).toMatch(/^subject_token_(?:claims|audience|expired)$/)
    expectNoTrace(problem, forged)
  })

  it('refuses an issuer that is not configured before anything is asked', async () => {
    world.kube.forgetRequests()

    await rejection(verifierOf(world)(new Secret(forge('wrongIssuer')), signal))

    expect(world.kube.requests()).toEqual([])
  })

  it('asks for the keys at most once in 30 s however many unknown kids come in', async () => {
    await using own = await startWorld()
    const verify = verifierOf(own)
    await verify(goodToken(own), signal)
    const forgeOwn = await createForge(own.kube, pod)
    own.kube.forgetRequests()

    for (let i = 0; i < 40; i += 1) {
      own.time.ms += second
      await rejection(verify(new Secret(forgeOwn('rightKeyUnknownKid')), signal))
    }

    expect(own.kube.requests({ path: '/openid/v1/jwks' })).toHaveLength(1)
    expect(own.kube.requests({ resource: 'tokenreviews' })).toHaveLength(0)
  })

  it('follows the cluster to a new key', async () => {
    await using own = await startWorld()
    const verify = verifierOf(own)
    await verify(goodToken(own), signal)

    await own.kube.rotateServiceAccountKey()
    own.time.ms += 31 * second

    expect((await verify(goodToken(own), signal)).pod.name).toBe('rollout')
  })

  it('takes no token of one cluster for one of another, even if the key is the same by name', async () => {
    await using other = await startWorld()
    const [foreign] = other.kube.issuer.keys()
    const [own] = world.kube.issuer.keys()
    const verify = verifierOf(world, trustedCluster(world), trustedCluster(other, { name: 'other' }))
    const claims = world.kube.issuer.claims({
      namespace,
      serviceAccount: { name: 'deployer', uid: 'x' },
      pod: { name: 'rollout', uid: 'x' },
      audiences: [audience],
      expirationSeconds: 3600,
    })

    const crossed = [
      world.kube.issuer.sign(claims, foreign),
      world.kube.issuer.sign(claims, foreign, { kid: own?.kid }),
      world.kube.issuer.sign({ ...claims, iss: other.kube.issuer.issuer }, own),
    ]
    const problems = await Promise.all(crossed.map((token) => rejection(verify(new Secret(token), signal))))

    expect(problems.map(({ reason }) => reason)).toEqual([
      'subject_token_key',
      'subject_token_signature',
      'subject_token_key',
    ])
  })

  describe('by TokenReview', () => {
    it('sees that the pod is gone', async () => {
      createPod(world.kube, 'short-lived')
      const token = new Secret(world.kube.projectToken({ ...pod, pod: 'short-lived' }))
      world.kube.objects.delete(resources.pods, { namespace, name: 'short-lived' })

      const problem = await rejection(verifierOf(world)(token, signal))

      expect(problem.reason).toBe('subject_token_rejected')
    })

    it('sees that another pod has the name now', async () => {
      createPod(world.kube, 'again')
      const token = new Secret(world.kube.projectToken({ ...pod, pod: 'again' }))
      world.kube.objects.delete(resources.pods, { namespace, name: 'again' })
      createPod(world.kube, 'again')

      expect((await rejection(verifierOf(world)(token, signal))).reason).toBe('subject_token_rejected')
    })

    it('asks once in 10 s for one credential, and anew for each other', async () => {
      await using own = await startWorld()
      const verify = verifierOf(own)
      const token = goodToken(own)
      const count = () => own.kube.requests({ resource: 'tokenreviews' }).length

      await Promise.all([verify(token, signal), verify(token, signal)])
      own.time.ms += 9 * second
      await verify(token, signal)
      const within = count()
      own.time.ms += 1 * second
      await verify(token, signal)
      const after = count()
      await verify(goodToken(own), signal)

      expect([within, after, count()]).toEqual([1, 2, 3])
    })

    it('never remembers a no', async () => {
      await using own = await startWorld()
      const verify = verifierOf(own)
      const token = goodToken(own)
      let answers = false
      const refusing: KubeClient = {
        ...own.client,
        tokenReview: async (...args) => {
          const result = await own.client.tokenReview(...args)
          return { ...result, isAuthenticated: answers && result.isAuthenticated }
        },
      }
      const verifyLater = verifierOf(own, trustedCluster(own, { kube: refusing }))

      await rejection(verifyLater(token, signal))
      answers = true

      expect((await verifyLater(token, signal)).pod.name).toBe('rollout')
      expect((await verify(token, signal)).pod.name).toBe('rollout')
    })

    it.each([
      ['answers 500', { kind: 'answer', status: 500 }],
      ['answers 429', { kind: 'answer', status: 429 }],
      ['breaks the connection', { kind: 'cut' }],
      ['loses its answer', { kind: 'lose' }],
    ] as const)('fails when the API server %s, and keeps nothing of it', async (_what, fault) => {
      const verify = verifierOf(world)
      const token = goodToken(world)
      world.kube.faults.next({ resource: 'tokenreviews' }, fault, 20)

      const problem = await rejection(verify(token, signal))
      world.kube.faults.clear()

      expect(problem.reason).toBe('kubernetes_unavailable')
      expect(problem.row).toMatchObject({ oauth: 'temporarily_unavailable', status: 503, outcome: 'failed' })
      expectNoTrace(problem, token.reveal())
      expect((await verify(token, signal)).pod.name).toBe('rollout')
    })

    it.each([401, 403])('names the broker itself when the API server refuses its question by %i', async (status) => {
      world.kube.faults.next({ resource: 'tokenreviews' }, { kind: 'answer', status }, 20)

      const problem = await rejection(verifierOf(world)(goodToken(world), signal))
      world.kube.faults.clear()

      expect(problem).toMatchObject({ reason: 'kubernetes_refused', detail: `TokenReview was refused (${status})` })
      expect(problem.row).toMatchObject({ oauth: 'temporarily_unavailable', status: 503, outcome: 'failed' })
    })

    it('fails when the keys cannot be fetched', async () => {
      world.kube.faults.next({ path: '/openid/v1/jwks' }, { kind: 'answer', status: 503 }, 20)

      const problem = await rejection(verifierOf(world)(goodToken(world), signal))
      world.kube.faults.clear()

      expect(problem.reason).toBe('kubernetes_unavailable')
    })

    const extra = (changes: Readonly<Record<string, readonly string[]>>) => (result: TokenReviewResult) => ({
      ...result,
      user: { ...result.user, extra: { ...result.user.extra, ...changes } },
    })
    const user = (changes: Partial<TokenReviewResult['user']>) => (result: TokenReviewResult) => ({
      ...result,
      user: { ...result.user, ...changes },
    })

    it.each<[string, (result: TokenReviewResult) => TokenReviewResult]>([
      ['no audience, which would mean: good for the API server', (r) => ({ ...r, audiences: [] })],
      ['another audience', (r) => ({ ...r, audiences: ['https://kubernetes.default.svc'] })],
      ['another user', user({ username: 'system:serviceaccount:payments:admin' })],
      ['another uid', user({ uid: 'someone-else' })],
      ['no extra', user({ extra: {} })],
      ['another pod', extra({ 'authentication.kubernetes.io/pod-uid': ['other'] })],
      ['two pods', extra({ 'authentication.kubernetes.io/pod-name': ['rollout', 'other'] })],
      ['another credential', extra({ 'authentication.kubernetes.io/credential-id': ['JTI=other'] })],
    ])('refuses an answer with %s', async (_what, change) => {
      const contradicting: KubeClient = {
        ...world.client,
        tokenReview: async (...args) => change(await world.client.tokenReview(...args)),
      }
      const verify = (kube: KubeClient) => verifierOf(world, trustedCluster(world, { kube }))(goodToken(world), signal)

      expect((await rejection(verify(contradicting))).reason).toBe('subject_token_rejected')
    })
  })

  describe('without TokenReview', () => {
    it('asks nobody but for the keys, caps the life, and says so', async () => {
      await using own = await startWorld()
      const cluster = trustedCluster(own, { revocationCheck: 'none', maxTokenLifetimeSeconds: 600 })
      const verify = verifierOf(own, cluster)

      const problem = await rejection(verify(goodToken(own), signal))
      const workload = await verify(new Secret(own.kube.projectToken({ ...pod, expirationSeconds: 600 })), signal)

      expect(problem.reason).toBe('subject_token_lifetime')
      expect(workload.revocationCheck).toBe('none')
      expect(own.kube.requests({ resource: 'tokenreviews' })).toEqual([])
    })
  })
})
