import { setTimeout } from 'node:timers/promises'
import { createApp } from '../../broker/app.ts'
import { createAskedCluster } from '../../broker/approvals/asked-cluster.ts'
import { createAgentBudgets } from '../../broker/audit/agent-budgets.ts'
import { createMemoryJournal } from '../../broker/audit/memory-journal.ts'
import { createGrantBook } from '../../broker/audit/project-grants.ts'
import { type Cluster, createCluster } from '../../broker/cluster.ts'
import { brokerConfig } from '../../broker/config.ts'
import { createCountRefusal } from '../../broker/counting.ts'
import { createBrokerMetrics } from '../../broker/metrics.ts'
import type { AuditRecord } from '../../core/audit/event.ts'
import { startServer } from '../../core/io/http-server.ts'
import { createKubeClient } from '../../core/io/kube/client.ts'
import { createLog } from '../../core/io/log.ts'
import { createUuidV7 } from '../../core/io/uuid.ts'
import { Secret } from '../../core/secret.ts'
import { version } from '../../core/version.ts'
import { testIssuer } from '../../test/broker/issuer/issuer-fixture.ts'
import { applyExample, installPlatform, system, target } from '../../test/demo/cluster-objects.ts'
import { type FakeKube, startKube } from '../../test/fakes/kube/server.ts'

/** The token listener with everything behind it, over the embedded Kubernetes API and the shipped example. */
export interface ExampleBroker extends AsyncDisposable {
  readonly kube: FakeKube
  /** Its clock stands still here. */
  readonly clock: () => Date
  /** Projected token of a pod that exists. */
  tokenOf(namespace: string, pod: string, serviceAccount: string): string
  request(path: string, init: RequestInit): Promise<Response>
  records(): Promise<readonly AuditRecord[]>
}

export const issuerUrl = 'https://tokenbroker.example.com'
const settings = { name: 'tokenbroker-0', version }

export async function startExampleBroker(): Promise<ExampleBroker> {
  const clock = () => new Date('2026-03-01T12:00:00.000Z')
  const kube = await startKube({ clock })
  installPlatform(kube)
  applyExample(kube)
  const log = createLog({ name: 'docs', level: 'silent' })
  const client = createKubeClient({
    credentials: { server: kube.url, token: new Secret(kube.adminToken) },
    delay: () => Promise.resolve(),
  })
  const config = configOf(kube)
  const clusters = config.clusters.map((entry) =>
    createCluster({ config: entry, issuer: kube.issuer.issuer, kube: client, clock, log }),
  )
  const newId = createUuidV7(clock)
  const book = createGrantBook({ clock })
  const journal = createMemoryJournal({ source: '/tokenbroker', broker: settings, newId, log, onDurable: book.apply })
  const [{ approvalPolicy: policyName = '' } = {}] = config.clusters
  const asked = createAskedCluster({ cluster: 'main', policyName, kube: client, book, journal, clock, log })
  const app = createApp({
    config,
    clusters,
    asked: new Map([[config.clusters[0]?.name ?? '', asked]]),
    issuer: await testIssuer({ access: ['RS256'], federation: ['RS256'] }, { issuerUrl }),
    journal,
    book,
    budgets: createAgentBudgets({ clock }),
    countRefusal: createCountRefusal({ suppress: () => undefined, meter: () => undefined }),
    metrics: createBrokerMetrics({ version }),
    log,
    clock,
    newId,
  })
  const server = await startServer(app, { address: '127.0.0.1', port: 0 })
  await synced(clusters)
  return {
    kube,
    clock,
    tokenOf: (namespace, pod, serviceAccount) =>
      kube.projectToken({ namespace, pod, serviceAccount, audience: issuerUrl }),
    request: (path, init) => fetch(`${server.url}${path}`, init),
    async records() {
      const all: AuditRecord[] = []
      for await (const record of journal.records()) all.push(record)
      return all
    },
    async [Symbol.asyncDispose]() {
      await server.close(100)
      await Promise.all(clusters.map(({ policies }) => policies.stop(AbortSignal.timeout(1000))))
      await client.close()
      await kube.close()
    },
  }
}

function configOf(kube: FakeKube) {
  const loopback = { address: '127.0.0.1', port: 0 }
  return brokerConfig.parse({
    name: settings.name,
    issuer: issuerUrl,
    listeners: { token: loopback, discovery: loopback, metrics: loopback },
    clusters: [{ name: 'main', issuer: kube.issuer.issuer }],
    controller: { namespace: system, serviceAccount: 'tokenbroker-controller' },
    introspection: { callers: [{ namespace: 'deploy', serviceAccount: 'deploy-api', audiences: [target] }] },
    keys: { directory: '/unused' },
    audit: { directory: '/unused' },
  })
}

async function synced(clusters: readonly Cluster[]): Promise<void> {
  for (const { policies } of clusters) policies.start()
  const deadline = AbortSignal.timeout(10_000)
  while (!clusters.every(({ policies }) => policies.isSynced() && policies.policies('payments').length > 0)) {
    await setTimeout(5, undefined, { signal: deadline })
  }
}
