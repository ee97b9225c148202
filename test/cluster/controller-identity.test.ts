import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { facts, kube } from './harness/cluster.ts'
import type { KubeObject } from './harness/kube.ts'
import { waitForSuccess } from './harness/pods.ts'
import { journalRecords } from './product/audit.ts'
import { authorizeForm, type BrokerApi, connectBroker, podToken } from './product/broker-api.ts'
import { installProduct, type Product } from './product/install.ts'
import { release, system } from './product/names.ts'
import { createTeam, pipelineRun } from './product/payments.ts'

/** A foreign cluster's Services are out of reach. */
const ownRig = facts().pki !== null
const account = `${release}-controller`
let product: Product
let broker: BrokerApi

beforeAll(async () => {
  product = await installProduct()
  broker = connectBroker(product.authority)
})

afterAll(async () => {
  await broker?.close()
  await (await kube()).close()
})

describe.runIf(ownRig)('a pod with the ServiceAccount of the controller that its Deployment did not make', () => {
  let token: string
  beforeAll(async () => {
    const pod = await (await kube()).create(impostor())
    token = await podToken(system, pod.metadata.name ?? '')
  })

  test('authorises nothing, and is recorded under its own name', async () => {
    const form = authorizeForm(`payments/release-token/${randomUUID()}`, token)
    const { status, body } = await broker.post('/authorize', form)

    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_request' })
    const record = (await journalRecords()).find(({ data }) => data.exchange_id === body['exchange_id'])
    expect(record?.data).toMatchObject({
      reason: 'actor_not_allowed',
      detail: expect.stringContaining('Deployment'),
      actor: { service_account: account, pod: expect.stringMatching(/^impostor-/) },
    })
  })

  test.each(['/runs/end', '/runs/live'])('is not listened to at %s', async (path) => {
    const run = `payments/PipelineRun/release/${randomUUID()}`
    const { status } = await broker.post(path, path === '/runs/end' ? { run } : { after: 'x.1' }, token)

    expect(status).toBe(403)
  })
})

describe.runIf(ownRig)('the controller', () => {
  test('is a pod of its Deployment, and asks from an address of that pod', async () => {
    const { namespace } = await createTeam({ apiUrl: 'http://unused.invalid' })
    const run = await (await kube()).create(pipelineRun(namespace, { isGate: true }))
    await waitForSuccess(run)

    const record = (await journalRecords()).find(
      ({ type, data }) =>
        type === 'dev.tokenbroker.exchange.authorized.v1' && data.run?.pipeline_run === run.metadata.name,
    )
    expect(record?.data).toMatchObject({
      actor: { pod: await product.controllerPod() },
      request: { peer_is_actor_pod: true },
    })
  })
})

/** As the Pod Security standard of the namespace demands it. */
function impostor(): KubeObject {
  const securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    runAsUser: 65_532,
    seccompProfile: { type: 'RuntimeDefault' },
  }
  const container = { name: 'sleep', image: facts().images.busybox, command: ['sleep', '600'], securityContext }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `impostor-${randomUUID().slice(0, 8)}`, namespace: system },
    spec: { serviceAccountName: account, terminationGracePeriodSeconds: 0, containers: [container] },
  }
}
