import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type KubeClient, type KubeObject, type Resource, resources } from '../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../core/io/kube/client.ts'
import { createLog } from '../../../core/io/log.ts'
import { Secret } from '../../../core/secret.ts'
import { createKeeper } from '../../../custom-task/certificates/keeper.ts'
import { bindRole, readRole } from '../../charts/role-files.ts'
import { createMailbox } from '../../core/io/mailbox.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'

const namespace = 'tokenbroker-system'
const secret = { namespace, name: 'tokenbroker-certificates' }
const configMap = { namespace, name: 'tokenbroker-ca' }
const webhook = { name: 'tokenbroker-webhook' }
const interceptor = { name: 'tokenbroker-events' }
const servers = {
  broker: ['tokenbroker.tokenbroker-system.svc'],
  webhook: ['tokenbroker-webhook.tokenbroker-system.svc'],
}

interface Wait {
  readonly ms: number
  readonly end: () => void
}

let kube: FakeKube
let client: KubeClient
let directory: string
let stopping: AbortController
let running: Promise<void>
let now: Date
let waits: ReturnType<typeof createMailbox<Wait>>

beforeEach(async () => {
  kube = await startKube()
  directory = await mkdtemp(join(tmpdir(), 'certificates-'))
  stopping = new AbortController()
  running = Promise.resolve()
  now = new Date(Date.UTC(2026, 0, 1))
  waits = createMailbox()
  kube.objects.create({ apiVersion: 'v1', kind: 'Secret', metadata: secret })
  kube.objects.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: configMap })
  kube.objects.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: webhook,
    webhooks: ['inject.tokenbroker.dev', 'inject-required.tokenbroker.dev'].map((name) => ({
      name,
      clientConfig: { service: { name: 'tokenbroker-webhook', namespace } },
    })),
  })
  kube.objects.create({
    apiVersion: 'triggers.tekton.dev/v1alpha1',
    kind: 'ClusterInterceptor',
    metadata: interceptor,
    spec: { clientConfig: { service: { name: 'tokenbroker-interceptor', namespace, path: 'intercept', port: 443 } } },
  })
  // With the rights of the chart, and no others.
  kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'controller', namespace } })
  for (const role of ['certificates.yaml', 'interceptor.yaml'].flatMap(readRole))
    bindRole(kube, role, { namespace, name: 'controller' })
  const token = new Secret(kube.serviceAccountToken({ namespace, serviceAccount: 'controller' }))
  client = createKubeClient({ credentials: { server: kube.url, token }, delay: async () => undefined, random: () => 0 })
})

afterEach(async () => {
  stopping.abort()
  await running
  await client.close()
  await kube.close()
  await rm(directory, { recursive: true })
})

function start(
  more: { readonly webhookConfiguration?: string; readonly clusterInterceptor?: string } = {
    webhookConfiguration: webhook.name,
    clusterInterceptor: interceptor.name,
  },
) {
  const keeper = createKeeper({
    client,
    secret,
    configMap,
    ...more,
    caFile: join(directory, 'ca.crt'),
    servers,
    log: createLog({ name: 'test', level: 'silent' }),
    clock: () => now,
    random: () => 0,
    delay: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        waits.put({ ms, end: resolve })
      }),
  })
  running = keeper.run(stopping.signal)
  return keeper
}

/** One more look, a while later. */
async function lookAgain(ms: number): Promise<Wait> {
  const wait = await waits.next()
  now = new Date(now.getTime() + ms)
  wait.end()
  const next = await waits.next()
  waits.put(next)
  return next
}

type Data = Readonly<Record<string, string>>

function dataOf(resource: Resource, ref: { namespace: string; name: string }): Data {
  return kube.objects.get<KubeObject & { data?: Data }>(resource, ref)?.data ?? {}
}

function caBundles(): readonly (string | undefined)[] {
  const found = kube.objects.get<KubeObject & { webhooks: readonly { clientConfig: { caBundle?: string } }[] }>(
    resources.mutatingWebhookConfigurations,
    webhook,
  )
  return found?.webhooks.map(({ clientConfig }) => clientConfig.caBundle) ?? []
}

describe('createKeeper', () => {
  it('fills the Secret, and brings the authority to ConfigMap, webhooks and its own file', async () => {
    await start().ready(stopping.signal)

    const data = dataOf(resources.secrets, secret)
    expect(Object.keys(data).toSorted()).toEqual(
      ['broker.crt', 'broker.key', 'ca.crt', 'ca.key', 'webhook.crt', 'webhook.key'].toSorted(),
    )
    const bundle = Buffer.from(data['ca.crt'] ?? '', 'base64').toString()
    expect(bundle).toMatch(/^-----BEGIN CERTIFICATE-----/)
    expect(dataOf(resources.configMaps, configMap)).toEqual({ 'ca.crt': bundle })
    expect(caBundles()).toEqual([data['ca.crt'], data['ca.crt']])
    expect(await readFile(join(directory, 'ca.crt'), 'utf8')).toBe(bundle)
  })

  it('writes nothing when nothing changed', async () => {
    await start().ready(stopping.signal)
    kube.forgetRequests()

    const next = await lookAgain(60_000)

    expect(next.ms).toBe(60_000)
    expect(kube.requests({ verb: 'patch' })).toEqual([])
    expect(kube.requests({ verb: 'get' })).toHaveLength(4)
  })

  it('makes anew within a minute what somebody deleted, and puts back what somebody changed', async () => {
    await start().ready(stopping.signal)
    const before = dataOf(resources.secrets, secret)
    kube.objects.patch(resources.secrets, secret, { data: { 'broker.key': null, surplus: 'eA==' } })
    kube.objects.patch(resources.configMaps, configMap, { data: { 'ca.crt': 'changed' } })

    await lookAgain(60_000)

    const { 'broker.crt': certificate, ...after } = dataOf(resources.secrets, secret)
    expect(certificate).not.toBe(before['broker.crt'])
    expect(after).toMatchObject({ 'ca.crt': before['ca.crt'], 'webhook.crt': before['webhook.crt'] })
    expect(after).not.toHaveProperty('surplus')
    expect(dataOf(resources.configMaps, configMap)['ca.crt']).toBe(await readFile(join(directory, 'ca.crt'), 'utf8'))
  })

  it('publishes the next authority to everybody long before it signs', async () => {
    await start().ready(stopping.signal)

    await lookAgain(300 * 86_400_000)

    const data = dataOf(resources.secrets, secret)
    expect(data).toHaveProperty('next-ca.key')
    const bundle = dataOf(resources.configMaps, configMap)['ca.crt'] ?? ''
    expect(bundle.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    expect(caBundles()).toEqual(Array(2).fill(Buffer.from(bundle).toString('base64')))
  })

  it.each([
    ['Secret', () => kube.objects.delete(resources.secrets, secret)],
    ['ConfigMap', () => kube.objects.delete(resources.configMaps, configMap)],
    ['MutatingWebhookConfiguration', () => kube.objects.delete(resources.mutatingWebhookConfigurations, webhook)],
  ])('tries again, soon, while the %s is missing', async (_, remove) => {
    remove()
    start()

    const first = await waits.next()
    waits.put(first)

    expect(first.ms).toBeLessThan(1000)
    expect((await lookAgain(first.ms)).ms).toBeGreaterThan(first.ms)
  })

  it('does not mix its certificates with those of another keeper that was quicker', async () => {
    kube.faults.next({ verb: 'patch', resource: 'secrets' }, { kind: 'answer', status: 409 })
    const keeper = start()
    ;(await waits.next()).end()
    await keeper.ready(stopping.signal)

    const bundle = dataOf(resources.configMaps, configMap)['ca.crt'] ?? ''
    expect(Buffer.from(dataOf(resources.secrets, secret)['ca.crt'] ?? '', 'base64').toString()).toBe(bundle)
  })

  describe('the ClusterInterceptor', () => {
    const found = () =>
      kube.objects.get<KubeObject & { spec: { clientConfig: object } }>(resources.clusterInterceptors, interceptor)

    it('gets its label and its authorities in one write, and keeps its address', async () => {
      await start().ready(stopping.signal)

      const caBundle = dataOf(resources.secrets, secret)['ca.crt']
      expect(found()?.metadata.labels).toEqual({ 'server/type': 'https' })
      expect(found()?.spec.clientConfig).toEqual({
        caBundle,
        service: { name: 'tokenbroker-interceptor', namespace, path: 'intercept', port: 443 },
      })
      expect(kube.requests({ verb: 'patch', resource: 'clusterinterceptors' })).toHaveLength(1)
    })

    it('gets back within a minute what somebody took away', async () => {
      await start().ready(stopping.signal)
      const before = found()
      kube.objects.patch(resources.clusterInterceptors, interceptor, { spec: { clientConfig: { caBundle: null } } })
      await lookAgain(60_000)
      kube.objects.patch(resources.clusterInterceptors, interceptor, { metadata: { labels: null } })
      await lookAgain(60_000)

      expect(found()).toMatchObject({ metadata: { labels: before?.metadata.labels }, spec: before?.spec })
    })

    it('may be gone: certificates are kept all the same', async () => {
      kube.objects.delete(resources.clusterInterceptors, interceptor)

      await start().ready(stopping.signal)

      expect(dataOf(resources.secrets, secret)).toHaveProperty('broker.crt')
    })
  })

  it('needs no webhook', async () => {
    kube.objects.delete(resources.mutatingWebhookConfigurations, webhook)

    await start({}).ready(stopping.signal)

    expect(dataOf(resources.secrets, secret)).toHaveProperty('broker.crt')
  })
})
