import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kinds } from '../../core/crd/kinds.ts'
import { facts, kube } from './harness/cluster.ts'
import type { KubeObject } from './harness/kube.ts'
import { waitFor } from './harness/wait.ts'
import { crash } from './product/crash.ts'
import { chart, helm } from './product/helm.ts'
import { installProduct, type Product, productValues } from './product/install.ts'
import { leftovers } from './product/leftovers.ts'
import { release, system } from './product/names.ts'
import { untilReachable } from './product/reachable.ts'

/** A foreign cluster's Services are out of reach. */
const ownRig = facts().pki !== null
const inSystem = ['--namespace', system]
const secret = `/api/v1/namespaces/${system}/secrets/${release}-certificates`
let product: Product

beforeAll(async () => {
  product = await installProduct()
})

afterAll(async () => {
  await (await kube()).close()
})

describe('helm install', () => {
  test('ends when the product answers: helm test passes', async () => {
    expect(await helm(['test', release, ...inSystem, '--timeout', '2m'])).toMatch(/Phase:\s+Succeeded/)
  })

  test('makes the provider of the values, which is ready', async () => {
    const provider = `/apis/tokenbroker.dev/v1alpha1/clustertokenproviders/builtin`
    const found = await waitFor('the provider is ready', async () => {
      const now = await (await kube()).get(provider)
      return conditionOf(now, 'Ready') === 'True' && now
    })

    expect(found.spec).toMatchObject({ builtin: {}, audiences: ['https://deploy.example.com'] })
  })

  test('has one controller that leads, and a Lease that says so', async () => {
    const lease = await (await kube()).get(
      `/apis/coordination.k8s.io/v1/namespaces/${system}/leases/${release}-controller`,
    )

    expect(lease.spec.holderIdentity).toMatch(new RegExp(`^${await product.controllerPod()}_`))
  })

  test('says what is next', async () => {
    expect(await helm(['get', 'notes', release, ...inSystem])).toContain(`helm test ${release} --namespace ${system}`)
  })

  test('done again with the same values changes nothing that runs', async () => {
    const values = await productValues('again')
    await helm(['upgrade', release, chart, ...inSystem, '--wait', '--timeout', '3m'], values)
    const before = await podUids()
    const data = (await (await kube()).get(secret))['data']

    await helm(['upgrade', release, chart, ...inSystem, '--wait', '--timeout', '3m'], values)

    expect(await podUids()).toEqual(before)
    await untilReachable()
    expect((await (await kube()).get(secret))['data']).toEqual(data)
    const configuration = await (await kube()).get(
      `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${release}-webhook`,
    )
    const authority = Buffer.from(product.authority).toString('base64')
    expect(new Set(configuration['webhooks'].map((one: Webhook) => one.clientConfig.caBundle))).toEqual(
      new Set([authority]),
    )
  })
})

interface Webhook {
  readonly clientConfig: { readonly caBundle?: string }
}

describe.runIf(ownRig)('the serving certificates', () => {
  test('are of the published authority, which signed nothing but servers', async () => {
    const authority = new X509Certificate(await readFile(product.authorityFile))
    const served = await servedCertificate()

    expect(served.verify(authority.publicKey)).toBe(true)
    const names = [release, `${release}-discovery`, `${release}-interceptor`]
    expect(served.subjectAltName).toBe(names.map((name) => `DNS:${name}.${system}.svc`).join(', '))
  })

  test('are made anew when somebody empties the Secret, and served without a restart', async () => {
    const client = await kube()
    const [before, restarts] = [await servedCertificate(), await podUids()]
    await client.patch(secret, { data: null })
    // It looks once a minute, and at its start.
    await (await crash(await product.controllerPod(), '/app/controller.mjs'))()

    const data = await waitFor('the Secret is filled', async () => {
      const { data: now } = await client.get(secret)
      return now?.['broker.crt'] && now
    })
    const pod = `/api/v1/namespaces/${system}/pods/${await product.brokerPod()}`
    // A change of the pod makes the kubelet look at its volumes at once.
    await client.patch(pod, { metadata: { annotations: { looked: 'again' } } })

    const served = await waitFor(
      'the new certificate is served',
      async () => {
        const now = await servedCertificate()
        return now.fingerprint256 !== before.fingerprint256 && now
      },
      { timeoutMs: 150_000 },
    )
    const expected = new X509Certificate(Buffer.from(data['broker.crt'], 'base64'))
    expect(served.fingerprint256).toBe(expected.fingerprint256)
    expect(await podUids()).toEqual(restarts)
    const configMap = await client.get(`/api/v1/namespaces/${system}/configmaps/${release}-ca`)
    expect(configMap['data']['ca.crt']).toBe(Buffer.from(data['ca.crt'], 'base64').toString())
  })
})

describe('helm uninstall', () => {
  test('leaves nothing but policies and audit records, and those neither when it is told so', async () => {
    await helm(['uninstall', release, ...inSystem, '--wait', '--timeout', '2m'])
    await waitFor('everything but the claim is gone', async (report) => {
      const left = await leftovers()
      report(left)
      return left.length === 1 && left[0] === `persistentvolumeclaims ${system}/data-${release}-0`
    })
    expect(await ourDefinitions()).toHaveLength(kinds.length)

    await (await kube()).delete(`/api/v1/namespaces/${system}/persistentvolumeclaims/data-${release}-0`)
    const values = await productValues('last')
    const persistence = { kind: 'emptyDir', whenDeleted: 'Delete' }
    await helm(['install', release, chart, ...inSystem, '--wait', '--timeout', '3m'], {
      ...values,
      crds: { keep: false },
      broker: { ...values.broker, persistence },
    })
    await helm(['uninstall', release, ...inSystem, '--wait', '--timeout', '2m'])

    await waitFor('everything is gone', async (report) => {
      const left = [...(await leftovers()), ...(await ourDefinitions())]
      report(left)
      return left.length === 0
    })
  })
})

/** Names of every pod of the product and how often its containers started. */
async function podUids(): Promise<readonly string[]> {
  const pods = await (await kube()).list(`/api/v1/namespaces/${system}/pods`, {
    labelSelector: `app.kubernetes.io/instance=${release},app.kubernetes.io/component in (broker,webhook)`,
  })
  return pods
    .filter((pod) => pod.metadata['deletionTimestamp'] === undefined)
    .map((pod) => `${pod.metadata.uid} ${pod.status.containerStatuses[0].restartCount}`)
    .toSorted()
}

async function ourDefinitions(): Promise<readonly string[]> {
  const all = await (await kube()).list('/apis/apiextensions.k8s.io/v1/customresourcedefinitions')
  return all.map(({ metadata }) => metadata.name ?? '').filter((name) => name.endsWith('.tokenbroker.dev'))
}

/** What the broker shows in a handshake. */
async function servedCertificate(): Promise<X509Certificate> {
  const host = `${release}.${system}.svc`
  const socket = connect({ host, port: 443, servername: host, rejectUnauthorized: false })
  try {
    await once(socket, 'secureConnect')
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) throw new Error('the broker showed no certificate')
    return certificate
  } finally {
    socket.destroy()
  }
}

function conditionOf(object: KubeObject, type: string): string | undefined {
  const conditions: readonly { type: string; status: string }[] = object.status?.conditions ?? []
  return conditions.find((one) => one.type === type)?.status
}
