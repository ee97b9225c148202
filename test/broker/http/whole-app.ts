import { vi } from 'vitest'
import { createApp } from '../../../broker/app.ts'
import { createAskedCluster } from '../../../broker/approvals/asked-cluster.ts'
import { createAccessBook } from '../../../broker/audit/access-book.ts'
import { createAgentBudgets } from '../../../broker/audit/agent-budgets.ts'
import type { GrantBook } from '../../../broker/audit/grant-book.ts'
import type { Journal } from '../../../broker/audit/journal.ts'
import { createMemoryJournal } from '../../../broker/audit/memory-journal.ts'
import { createGrantBook } from '../../../broker/audit/project-grants.ts'
import { createCluster } from '../../../broker/cluster.ts'
import { type BrokerConfig, brokerConfig } from '../../../broker/config.ts'
import { createCountRefusal } from '../../../broker/counting.ts'
import { followAccess } from '../../../broker/follow-access.ts'
import { createBrokerMetrics } from '../../../broker/metrics.ts'
import type { AuditRecord } from '../../../core/audit/event.ts'
import { parseConfig } from '../../../core/config-file.ts'
import { type RunningServer, startServer } from '../../../core/io/http-server.ts'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import { createLog } from '../../../core/io/log.ts'
import { createUuidV7 } from '../../../core/io/uuid.ts'
import type { FakeKube } from '../../fakes/kube/server.ts'
import { createPod, audience as issuerUrl, namespace, startWorld, type World } from '../identity/identity-fixture.ts'
import { createRun, ensureAccount } from '../identity/run-fixture.ts'
import { fastAlgorithms, testIssuer } from '../issuer/issuer-fixture.ts'

/** The broker's token listener as `start.ts` joins it, over the fake Kubernetes API and a journal in memory. */

export const audience = 'https://deploy.example.com'

const jwt = 'urn:ietf:params:oauth:token-type:jwt'

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

export interface Broker extends AsyncDisposable {
  readonly world: World
  readonly kube: FakeKube
  readonly server: RunningServer
  readonly journal: Journal
  readonly book: GrantBook
  /** Refusals that were counted: `door reason`, and `namespace/account` of a caller that proved itself. */
  readonly counted: string[]
  readonly logLines: string[]
  records(): Promise<readonly AuditRecord[]>
  post(path: string, form: Readonly<Record<string, string>>, bearer?: string): Promise<Answered>
}

export interface Options {
  readonly limits?: object
  /** Default true: waits until policies are listed. */
  readonly syncs?: boolean
  /** Default false, as the provider's own. */
  readonly secretDelivery?: boolean
}

export async function startBroker({
  limits = {},
  syncs = true,
  secretDelivery = false,
}: Options = {}): Promise<Broker> {
  const world = await startWorld()
  const { kube, client, clock } = world
  prepare(kube, secretDelivery)
  const logLines: string[] = []
  const counted: string[] = []
  const log = createLog({
    name: 'broker',
    level: 'debug',
    destination: { write: (line: string) => void logLines.push(line) },
  })
  const config = configOf(kube, limits)
  const [entry] = config.clusters
  if (entry === undefined) throw new TypeError('the configuration has no cluster')
  const cluster = createCluster({ config: entry, issuer: kube.issuer.issuer, kube: client, clock, log })
  const newId = createUuidV7(clock)
  const book = createGrantBook({ clock })
  const access = createAccessBook()
  const budgets = createAgentBudgets({ clock })
  const journal = createMemoryJournal({
    source: '/tokenbroker/test',
    broker: { name: 'test', version: '0' },
    newId,
    log,
    onDurable(record) {
      book.apply(record)
      budgets.apply(record)
      access.apply(record)
    },
  })
  const asked = createAskedCluster({
    cluster: entry.name,
    policyName: entry.approvalPolicy,
    kube: client,
    book,
    journal,
    clock,
    log,
  })
  const app = createApp({
    config,
    clusters: [cluster],
    asked: new Map([[entry.name, asked]]),
    issuer: await testIssuer(fastAlgorithms, { issuerUrl }),
    journal,
    book,
    budgets,
    countRefusal: createCountRefusal({
      suppress: (door, reason, caller) =>
        counted.push([door, reason, ...(caller ? [`${caller.namespace}/${caller.service_account}`] : [])].join(' ')),
      meter: () => undefined,
    }),
    metrics: createBrokerMetrics({ version: '0' }),
    log,
    clock,
    newId,
  })
  const server = await startServer(app, { address: '127.0.0.1', port: 0 })
  const stopFollowing = followAccess([cluster], { access, grants: book, journal, clock, log })
  if (syncs) {
    cluster.policies.start()
    asked.approvals.start()
    await vi.waitUntil(
      () =>
        asked.approvals.isSynced() && cluster.policies.isSynced() && cluster.policies.policies(namespace).length > 0,
    )
  }
  return {
    world,
    kube,
    server,
    journal,
    book,
    counted,
    logLines,
    async records() {
      const all: AuditRecord[] = []
      for await (const record of journal.records()) all.push(record)
      return all
    },
    async post(path, form, bearer) {
      const response = await fetch(`${server.url}${path}`, {
        method: 'POST',
        body: new URLSearchParams(form),
        headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
      })
      const body = (await response.json()) as Record<string, unknown>
      return { status: response.status, headers: response.headers, body }
    },
    async [Symbol.asyncDispose]() {
      await server.close(100)
      await cluster.policies.stop(AbortSignal.timeout(1000))
      await asked.approvals.stop(AbortSignal.timeout(1000))
      await stopFollowing(AbortSignal.timeout(1000))
      await world[Symbol.asyncDispose]()
    },
  }
}

function configOf(kube: FakeKube, limits: object): BrokerConfig {
  const loopback = { address: '127.0.0.1', port: 0 }
  const parsed = parseConfig(brokerConfig, {
    issuer: issuerUrl,
    listeners: { token: loopback, discovery: loopback, metrics: loopback },
    clusters: [{ name: 'main', issuer: kube.issuer.issuer }],
    controller: { namespace, serviceAccount: 'controller' },
    keys: { directory: '/unused' },
    audit: { directory: '/unused' },
    introspection: { callers: [{ namespace, serviceAccount: 'gateway', audiences: [audience] }] },
    limits,
  })
  if (!parsed.ok) throw new TypeError(JSON.stringify(parsed.issues))
  return parsed.value
}

/** Accounts, pods, a provider, a policy and RBAC: `deployer` may have its scopes. */
function prepare(kube: FakeKube, secretDelivery: boolean): void {
  for (const name of ['controller', 'gateway', 'builder']) {
    ensureAccount(kube, name)
    createPod(kube, name, { spec: { serviceAccountName: name } })
  }
  kube.objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'ClusterTokenProvider',
    metadata: { name: 'builtin' },
    spec: {
      builtin: { algorithm: 'ES256' },
      audiences: [audience, 'https://forbidden.example.com'],
      scopes: ['deploy:staging', 'deploy:production'],
      limits: { secretDelivery },
    },
  })
  kube.objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenPolicy',
    metadata: { name: 'deploy-staging', namespace },
    spec: { audience, scopes: ['deploy:staging', 'deploy:production'] },
  })
  for (const scope of ['deploy:staging', 'deploy:production']) allow(kube, 'deployer', scope)
}

function allow(kube: FakeKube, serviceAccount: string, scope: string): void {
  const name = `${serviceAccount}-${scope.replaceAll(':', '-')}`
  const rules = [
    {
      apiGroups: ['tokenbroker.dev'],
      resources: ['tokenscopes'],
      resourceNames: [`builtin:${scope}`],
      verbs: ['exchange'],
    },
  ]
  kube.objects.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name, namespace },
    rules,
  })
  kube.objects.create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name: serviceAccount, namespace }],
  })
}

/** The projected token of a pod that exists. */
export function tokenOf(kube: FakeKube, pod: string, serviceAccount = pod): string {
  return kube.projectToken({ namespace, pod, serviceAccount, audience: issuerUrl })
}

/** A run that goes on, and the token of its pod. */
export function startRun(kube: FakeKube): ReturnType<typeof createRun> & { readonly token: string } {
  const run = createRun(kube)
  return { ...run, token: tokenOf(kube, run.pod.metadata.name, 'deployer') }
}

export function exchangeForm(token: string, changes: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: jwt,
    audience,
    scope: 'deploy:staging',
    ...changes,
  }
}

export function customRunForm({ metadata: { name, uid } }: KubeObject, actorToken: string): Record<string, string> {
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: `${namespace}/${name}/${uid}`,
    subject_token_type: 'urn:tokenbroker:params:token-type:customrun',
    actor_token: actorToken,
    actor_token_type: jwt,
    policy: 'deploy-staging',
  }
}
