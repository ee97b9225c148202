import { availableParallelism } from 'node:os'
import type { Logger } from 'pino'
import type { AuditEntry, AuditRecord } from '../core/audit/event.ts'
import type { Clock } from '../core/clock.ts'
import { type RunningServer, startServer } from '../core/io/http-server.ts'
import { createKubeClient } from '../core/io/kube/client.ts'
import { loadCredentials } from '../core/io/kube/credentials.ts'
import type { Shutdown } from '../core/io/shutdown.ts'
import { StartError } from '../core/io/start-error.ts'
import { systemDelay } from '../core/io/system.ts'
import { createUuidV7 } from '../core/io/uuid.ts'
import { createApp } from './app.ts'
import { type AskedCluster, createAskedCluster } from './approvals/asked-cluster.ts'
import { createAccessBook } from './audit/access-book.ts'
import { createAgentBudgets } from './audit/agent-budgets.ts'
import { systemAlarm } from './audit/alarm.ts'
import type { GrantBook } from './audit/grant-book.ts'
import { type Journal, openJournal } from './audit/journal.ts'
import { createMemoryJournal } from './audit/memory-journal.ts'
import { createGrantBook } from './audit/project-grants.ts'
import { createSuppressor } from './audit/suppress.ts'
import { type Cluster, createCluster } from './cluster.ts'
import type { BrokerConfig } from './config.ts'
import { createCountRefusal } from './counting.ts'
import { createEvents, type Events } from './events.ts'
import { followAccess } from './follow-access.ts'
import { keepHouse } from './housekeeping.ts'
import { createMetricsApp } from './http/metrics-app.ts'
import { createAdmissionGuard, noAdmissionGuard, type WatchedGuard } from './identity/admission-guard.ts'
import { publishedIssuer } from './identity/cluster-issuer.ts'
import { createDiscoveryApp } from './issuer/discovery-app.ts'
import { createIssuer } from './issuer/issuer.ts'
import { openKeyStore } from './issuer/key-store.ts'
import { createBrokerMetrics } from './metrics.ts'
import { openedBy, writableVolume } from './opening.ts'

interface Deps {
  readonly config: BrokerConfig
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Logger
  readonly clock: Clock
  readonly shutdown: Shutdown
}

type GuardedCluster = Cluster & { readonly guard: WatchedGuard }

/**
 * Opens what the broker stands on (journal, keys, API servers), then its listeners; what was opened is closed in reverse
 * at shutdown: no new request, running ones finished, counts written, audit flushed.
 *
 * @throws StartError when a part cannot be used, with its key of the configuration and the mend
 */
export async function startBroker(deps: Deps): Promise<void> {
  const { config, version, log, clock, shutdown } = deps
  const newId = createUuidV7(clock)
  const book = createGrantBook({ clock })
  const access = createAccessBook()
  const budgets = createAgentBudgets({ clock })
  const events = createEvents(config, clock)
  const keys = await openedBy(
    { key: 'keys.directory', mend: writableVolume },
    openKeyStore({ directory: config.keys.directory, clock }, shutdown.signal),
  )
  const issuer = createIssuer({
    issuerUrl: config.issuer,
    endpoints: endpointsUnder(config.tokenUrl ?? config.issuer),
    keys,
    clock,
    newId,
    signInBackground: availableParallelism() > 1,
  })
  const journal = await openAudit(deps, newId, [book, budgets, events, access])
  const suppressor = createSuppressor({ journal, clock, alarm: systemAlarm, log, subject: config.name })
  const metrics = createBrokerMetrics({ version })
  const clusters = await connectClusters(deps, events)
  const asked = askedClusters(deps, clusters, { journal, book })
  const countRefusal = createCountRefusal({ suppress: suppressor.note, meter: metrics.counted })
  const tokenApp = createApp({
    config,
    clusters,
    asked,
    issuer,
    journal,
    book,
    budgets,
    countRefusal,
    metrics,
    log,
    clock,
    newId,
  })
  for (const { approvals } of asked.values()) approvals.start()
  await journal.append(lifeCycle('started', config.name, clock()))
  const stopFollowing = followAccess(clusters, { access, grants: book, journal, clock, log })
  for (const { policies, guard } of clusters) {
    policies.start()
    guard.start()
  }
  void keepHouse({ keys, books: [book, budgets, events], clock, delay: systemDelay, log }, shutdown.signal)

  const { listeners } = config
  const onError = (err: unknown) => log.error({ err }, 'listener failed')
  const metricsApp = createMetricsApp({
    notLive: () => notLive(journal),
    notReady: () => notReady(journal, clusters, asked, shutdown.signal),
    notes: () => notesOf(clusters),
    metrics: async () => {
      metrics.auditHealth(journal.health())
      for (const { trusted, guard } of clusters) metrics.admission(trusted.name, guard.doubt() === '')
      return { contentType: metrics.registry.contentType, text: await metrics.registry.metrics() }
    },
    onError,
  })
  const servers = [
    await listen('token', startServer(tokenApp, listenOptions(listeners.token, onError)), log),
    await listen(
      'discovery',
      startServer(createDiscoveryApp({ issuer }), listenOptions(listeners.discovery, onError)),
      log,
    ),
  ]
  const interceptorApp = await events.open({ journal, suppress: suppressor.note, metrics, log })
  if (interceptorApp !== undefined && listeners.interceptor !== undefined) {
    const options = listenOptions(listeners.interceptor, onError)
    servers.push(await listen('interceptor', startServer(interceptorApp, options), log))
  }
  const metricsServer = await listen('metrics', startServer(metricsApp, listenOptions(listeners.metrics, onError)), log)

  const graceMs = config.shutdownGraceSeconds * 1000
  shutdown.onShutdown('listeners', async () => {
    await Promise.all(servers.map((server) => server.close(graceMs)))
  })
  shutdown.onShutdown('clusters', async (deadline) => {
    await Promise.all(clusters.flatMap(({ policies, guard }) => [policies.stop(deadline), guard.stop()]))
    await Promise.all([...asked.values()].map(({ approvals }) => approvals.stop(deadline)))
    await stopFollowing(deadline)
    await Promise.all(clusters.map(({ kube }) => kube.close()))
  })
  shutdown.onShutdown('audit', async (deadline) => {
    await suppressor.close()
    await journal.append(lifeCycle('stopped', config.name, clock()))
    await journal.close(deadline)
  })
  shutdown.onShutdown('metrics', () => metricsServer.close(1000))
}

async function openAudit(
  { config, version, log, clock, shutdown }: Deps,
  newId: () => string,
  projections: readonly { apply(record: AuditRecord): void }[],
): Promise<Journal> {
  const options = {
    source: `/tokenbroker/${config.name}`,
    broker: { name: config.name, version },
    clock,
    newId,
    log,
    onDurable: (record: AuditRecord) => {
      for (const one of projections) one.apply(record)
    },
  }
  if (config.audit.durability === 'memory') return createMemoryJournal(options)
  const { directory, acceptNewEpoch } = config.audit
  return await openedBy(
    { key: 'audit.directory', mend: writableVolume },
    openJournal({ ...options, directory, acceptNewEpoch }, shutdown.signal),
  )
}

async function connectClusters(
  { config, env, log, clock, shutdown }: Deps,
  { register }: Events,
): Promise<readonly GuardedCluster[]> {
  const clusters = await Promise.all(
    config.clusters.map(async (entry, at) => {
      const { kubeconfig, context } = entry
      const setting = `clusters.${at}.kubeconfig`
      const credentials = await loadCredentials({ env, setting, kubeconfig, context })
      const clusterLog = log.child({ cluster: entry.name })
      const kube = createKubeClient({
        credentials,
        onError: (err) => clusterLog.warn({ err }, 'credentials cannot be read again: the last good ones go on'),
      })
      const asking = { kube, setting: `clusters.${at}.issuer`, delay: systemDelay }
      const issuer = entry.issuer ?? (await publishedIssuer(asking, shutdown.signal))
      const watching = { kube, audience: config.issuer, clock, delay: systemDelay, log: clusterLog }
      const guard = entry.admission
        ? createAdmissionGuard({ ...watching, settings: entry.admission })
        : noAdmissionGuard
      const cluster = createCluster({ config: entry, issuer, kube, guard, events: register, clock, log: clusterLog })
      return { ...cluster, guard }
    }),
  )
  requireDistinct(clusters)
  return clusters
}

function askedClusters(
  { config, clock, log }: Deps,
  clusters: readonly Cluster[],
  { journal, book }: { readonly journal: Journal; readonly book: GrantBook },
): ReadonlyMap<string, AskedCluster> {
  const kubes = new Map(clusters.map(({ trusted, kube }) => [trusted.name, kube]))
  return new Map(
    config.clusters.flatMap(({ name, approvalPolicy: policyName }) => {
      const kube = kubes.get(name)
      if (kube === undefined) return []
      const deps = { cluster: name, policyName, kube, journal, book, clock, log: log.child({ cluster: name }) }
      return [[name, createAskedCluster(deps)] as const]
    }),
  )
}

/** What the configuration says was looked at when it was read; what API servers say could not be. */
function requireDistinct(clusters: readonly Cluster[]): void {
  if (new Set(clusters.map(({ trusted }) => trusted.issuer)).size === clusters.length) return
  throw new StartError('clusters: two of them have one issuer, so their tokens cannot be told apart')
}

function endpointsUnder(url: string) {
  return { token: `${url}/token`, introspection: `${url}/introspect`, revocation: `${url}/revoke` }
}

function listenOptions({ address, port, tls }: BrokerConfig['listeners']['token'], onError: (err: unknown) => void) {
  return { address, port, onError, ...(tls && { tls }) }
}

async function listen(name: string, starting: Promise<RunningServer>, log: Logger): Promise<RunningServer> {
  const setting = { key: `listeners.${name}`, mend: 'give it an address and a port of its own' }
  const server = await openedBy(setting, starting)
  log.info({ listener: name, url: server.url }, 'listening')
  return server
}

/** A journal that failed stays failed, as nobody knows what its file holds: the next start looks. */
function notLive(journal: Journal): readonly string[] {
  return journal.health().reason === 'failed' ? ['the audit journal has failed'] : []
}

/** An upgrade by Helm leaves CustomResourceDefinitions as they are. */
const applyDefinitions = 'kubectl apply --server-side --force-conflicts -f charts/crds'

function notReady(
  journal: Journal,
  clusters: readonly Cluster[],
  asked: ReadonlyMap<string, AskedCluster>,
  stopping: AbortSignal,
): readonly string[] {
  const { isWritable, reason } = journal.health()
  return [
    ...(stopping.aborted ? ['stopping'] : []),
    ...(isWritable ? [] : [`the audit journal cannot be written: ${reason}`]),
    ...clusters
      .filter(({ policies }) => !policies.isSynced())
      .map(({ trusted }) => `the policies of cluster ${trusted.name} have not been listed yet`),
    ...clusters
      .map(({ trusted: { name }, policies }) => {
        const unknown = [...policies.unknownKinds(), ...(asked.get(name)?.approvals.unknownKinds() ?? [])]
        return { name, unknown: unknown.join(', ') }
      })
      .filter(({ unknown }) => unknown !== '')
      .map(({ name, unknown }) => `cluster ${name} does not serve ${unknown}: ${applyDefinitions}`),
    ...clusters
      .map(({ trusted: { name }, refusals }) => {
        const refused = [...refusals(), ...(asked.get(name)?.approvals.refusals() ?? [])]
        return { name, refused: refused.join(', ') }
      })
      .filter(({ refused }) => refused !== '')
      .map(
        ({ name, refused }) => `cluster ${name} refuses the broker ${refused}: apply and bind charts/rbac/broker.yaml`,
      ),
  ]
}

/** What exchanges go on with, and an operator wants to know. */
function notesOf(clusters: readonly GuardedCluster[]): readonly string[] {
  return clusters
    .filter(({ guard }) => guard !== noAdmissionGuard)
    .map(({ trusted, guard }) => ({ name: trusted.name, doubt: guard.doubt() }))
    .filter(({ doubt }) => doubt !== '')
    .map(({ name, doubt }) => `no run of cluster ${name} is verified: ${doubt}`)
}

function lifeCycle(what: 'started' | 'stopped', name: string, time: Date): AuditEntry {
  return { type: `dev.tokenbroker.broker.${what}.v1`, subject: name, time, data: { outcome: 'info', reason: what } }
}
