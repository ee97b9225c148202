import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { resources } from '../../../core/io/kube/api.ts'
import { audience as issuerUrl, namespace } from '../identity/identity-fixture.ts'
import { type Broker, exchangeForm, startBroker, startRun, tokenOf } from './whole-app.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(async () => await broker[Symbol.asyncDispose]())

/** As long as the kill switch may take at most. */
const waitUntil = (isSo: () => boolean | Promise<boolean>) => vi.waitUntil(isSo, { timeout: 5000 })

const policy = { namespace, name: 'deploy-staging' }
const by = 'alice'

async function granted(token: string): Promise<string> {
  const { status, body } = await broker.post('/token', exchangeForm(token))
  expect(status).toBe(200)
  return body['access_token'] as string
}

async function isActive(token: string): Promise<unknown> {
  return (await broker.post('/introspect', { token }, tokenOf(broker.kube, 'gateway'))).body['active']
}

let marks = 0
const revokedNow = () => ({
  'tokenbroker.dev/revoked-by': by,
  'tokenbroker.dev/revoked-at': new Date(Date.UTC(2026, 0, 1) + ++marks).toISOString(),
})

async function actsOf(reason: string) {
  const records = await broker.records()
  return records.filter(({ type, data }) => type === 'dev.tokenbroker.access.suspended.v1' && data.reason === reason)
}

interface Target {
  readonly what: string
  mark(annotations: Readonly<Record<string, string | null>>, spec?: object): void
}

const targets: readonly Target[] = [
  {
    what: 'a policy',
    mark: (annotations, spec) =>
      broker.kube.objects.patch(resources.tokenPolicies, policy, { metadata: { annotations }, ...(spec && { spec }) }),
  },
  {
    what: 'a provider',
    mark: (annotations, spec) =>
      broker.kube.objects.patch(
        resources.clusterTokenProviders,
        { name: 'builtin' },
        { metadata: { annotations }, ...(spec && { spec }) },
      ),
  },
  {
    what: 'a ServiceAccount',
    mark: (annotations) =>
      broker.kube.objects.patch(
        resources.serviceAccounts,
        { namespace, name: 'deployer' },
        { metadata: { annotations, labels: { 'tokenbroker.dev/revoked': 'true' } } },
      ),
  },
]

describe('kill switch', () => {
  it.each(targets)(
    'withdraws what was granted by $what, under the name of the person, and grants anew',
    async ({ mark }) => {
      const { token } = startRun(broker.kube)
      const before = await granted(token)
      const acts = (await actsOf('revoked_by_person')).length

      mark(revokedNow())
      await waitUntil(async () => (await isActive(before)) === false)

      await waitUntil(async () => {
        const revoked = (await broker.records()).filter(({ type }) => type === 'dev.tokenbroker.token.revoked.v1')
        return revoked.some(({ data }) => data.by === by && data.revoked_tokens?.length === 1)
      })
      const [act] = (await actsOf('revoked_by_person')).slice(acts)
      expect(act?.data).toMatchObject({ by, revoked_at: expect.any(String) })
      expect(await isActive(await granted(token))).toBe(true)
    },
  )

  it.each(targets)('stops $what, says who did, and lets it go on', async ({ what, mark }) => {
    const { token } = startRun(broker.kube)
    const acts = (await actsOf('suspended')).length

    mark({ 'tokenbroker.dev/suspended-by': by }, { suspend: true })
    await waitUntil(async () => (await broker.post('/token', exchangeForm(token))).status === 400)
    const { body } = await broker.post('/token', exchangeForm(token))
    expect(body).toMatchObject({ error: 'access_denied' })
    await waitUntil(async () => (await actsOf('suspended')).length > acts)
    expect((await actsOf('suspended')).at(-1)?.data.by).toBe(by)

    mark({ 'tokenbroker.dev/suspended-by': null }, { suspend: false })
    await waitUntil(async () => (await broker.post('/token', exchangeForm(token))).status === 200)
    await waitUntil(async () => (await actsOf('resumed')).length > acts)
    expect(what).toMatch(/./)
  })

  it('stops while many ask, and nothing that is granted meanwhile stays good', async () => {
    const { token } = startRun(broker.kube)
    const answers: string[] = []
    const over = new AbortController()
    const load = Array.from({ length: 8 }, async () => {
      while (!over.signal.aborted) {
        const { body } = await broker.post('/token', exchangeForm(startRun(broker.kube).token))
        if (typeof body['access_token'] === 'string') answers.push(body['access_token'])
      }
    })
    try {
      await waitUntil(() => answers.length > 10)
      targets[0]?.mark({ ...revokedNow(), 'tokenbroker.dev/suspended-by': by }, { suspend: true })
      await waitUntil(async () => (await broker.post('/token', exchangeForm(token))).status === 400)
    } finally {
      over.abort()
      await Promise.all(load)
    }

    await waitUntil(async () => (await Promise.all(answers.map(isActive))).every((one) => one === false))
    targets[0]?.mark({ 'tokenbroker.dev/suspended-by': null }, { suspend: false })
    await waitUntil(async () => (await broker.post('/token', exchangeForm(token))).status === 200)
  })

  it('records a change of a policy once, by generation and digest, which decisions name too', async () => {
    const changes = async () =>
      (await broker.records()).filter(({ type }) => type === 'dev.tokenbroker.policy.changed.v1')
    const before = (await changes()).length
    const { token } = startRun(broker.kube)

    broker.kube.objects.patch(resources.tokenPolicies, policy, { spec: { ttl: '4m' } })
    await waitUntil(async () => (await changes()).length > before)
    await granted(token)

    const change = (await changes()).at(-1)?.data
    expect(change).toMatchObject({ reason: 'policy_changed', policy: { kind: 'TokenPolicy', name: 'deploy-staging' } })
    const decision = (await broker.records()).findLast(({ data }) => data.outcome === 'granted')?.data.policy
    expect(decision).toMatchObject({ generation: change?.policy?.generation, digest: change?.policy?.digest })
  })
})

describe('POST /explain', () => {
  it('tells whoever shows a token for another audience which one it takes', async () => {
    const pod = startRun(broker.kube).pod.metadata.name
    const token = broker.kube.projectToken({ namespace, pod, serviceAccount: 'deployer', audience: 'https://other' })

    const { status, body } = await broker.post('/explain', exchangeForm(token))

    expect(status).toBe(400)
    expect(body['error_description']).toContain(`has to say audience: ${issuerUrl}`)
    expect((await broker.post('/token', exchangeForm(token))).body['error_description']).not.toContain('has to say')
  })

  it('grants nothing, and has a record', async () => {
    const { token } = startRun(broker.kube)

    const { body } = await broker.post('/explain', exchangeForm(token))

    expect(body).toMatchObject({ decision: 'allow', policy: 'deploy-staging' })
    expect(body).not.toHaveProperty('access_token')
    const record = (await broker.records()).find(({ data }) => data.exchange_id === body['exchange_id'])
    expect(record).toMatchObject({
      type: 'dev.tokenbroker.explain.v1',
      data: { reason: 'would_grant', outcome: 'info' },
    })
  })
})
