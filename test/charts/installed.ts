import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import { expectedPolicies } from '../../core/admission/settings.ts'
import { type KubeObject, resources } from '../../core/io/kube/api.ts'
import { applyExample } from '../demo/cluster-objects.ts'
import { startProcess, waitUntilReady } from '../demo/process.ts'
import { type FakeKube, startKube } from '../fakes/kube/server.ts'
import { createControllerReplicaSet, ownedBy } from '../fakes/kube/workloads.ts'
import { type FakeTekton, startTekton } from '../fakes/tekton.ts'
import { bindRole, type Role, readRole } from './role-files.ts'

export const system = 'tokenbroker-system'

/** Whose rights each file of `charts/rbac` holds. */
export const accountOf = {
  'broker.yaml': 'tokenbroker-broker',
  'controller.yaml': 'tokenbroker-controller',
  'certificates.yaml': 'tokenbroker-controller',
  'interceptor.yaml': 'tokenbroker-controller',
  'secrets.yaml': 'tokenbroker-controller',
  'webhook.yaml': 'tokenbroker-webhook',
} as const

/** The product as the chart installs it: its processes, each with its own account, on an embedded API server. */
export interface Installed {
  readonly kube: FakeKube
  readonly tekton: FakeTekton
  readonly urls: {
    readonly broker: string
    readonly webhook: string
    readonly issuer: string
    readonly metrics: string
  }
  /** Authorities that the controller published. */
  readonly authority: string
}

export interface InstallOptions {
  /** Roles of a file of `charts/rbac`. Default: as they are. */
  readonly rolesOf?: (file: string) => readonly Role[]
  /** Changes the cluster before anything of ours starts. */
  readonly prepare?: (kube: FakeKube) => void
  /** Waits for a process; may give up by a throw. */
  readonly waitFor?: (kube: FakeKube, name: string, url: string) => Promise<void>
}

export async function install(context: TestContext, options: InstallOptions = {}): Promise<Installed> {
  const { rolesOf = readRole } = options
  const directory = await mkdtemp(join(tmpdir(), 'installed-'))
  const kube = await startKube()
  context.onTestFinished(async () => {
    await kube.close()
    await rm(directory, { recursive: true, force: true })
  })
  installObjects(kube, rolesOf)
  options.prepare?.(kube)
  applyExample(kube)
  const tekton = startTekton(kube)
  const ports = await freePorts(6)
  const [token = 0, discovery = 0, metrics = 0, controller = 0, webhook = 0, health = 0] = ports
  const url = (port: number) => `http://127.0.0.1:${port}`
  const at = (port: number) => ({ address: '127.0.0.1', port })
  const file = (name: string) => join(directory, name)
  const write = async (name: string, content: string | object) => {
    await writeFile(file(name), typeof content === 'string' ? content : JSON.stringify(content))
    return file(name)
  }
  const kubeconfigOf = (name: string) =>
    write(`${name}-kubeconfig.json`, kube.kubeconfig({ namespace: system, serviceAccount: `tokenbroker-${name}` }))
  const start = async (name: string, script: string, config: object) => {
    const args = [script, '--config', await write(`${name}.json`, config)]
    const process = startProcess(name, args, file(`${name}.log`))
    context.onTestFinished(async () => void (await process.stop()))
  }

  installPolicies(kube, url(discovery))
  await start('broker', 'broker/main.ts', {
    issuer: url(discovery),
    tokenUrl: url(token),
    listeners: { token: at(token), discovery: at(discovery), metrics: at(metrics) },
    clusters: [{ name: 'test', issuer: kube.url, kubeconfig: await kubeconfigOf('broker'), admission }],
    controller: {
      namespace: system,
      serviceAccount: 'tokenbroker-controller',
      deployment: 'tokenbroker-controller',
    },
    keys: { directory: file('keys') },
    audit: { directory: file('audit') },
  })
  const pod = { namespace: system, serviceAccount: 'tokenbroker-controller', pod: 'tokenbroker-controller-0' }
  const tokenFile = await write('controller-token', kube.projectToken({ ...pod, audience: url(discovery) }))
  await start('controller', 'custom-task/controller/main.ts', {
    broker: { url: url(token), tokenFile },
    kubeconfig: await kubeconfigOf('controller'),
    health: at(controller),
    leaderElection: { namespace: system },
    secretDelivery: true,
    certificates: {
      namespace: system,
      secret: 'tokenbroker-certificates',
      configMap: 'tokenbroker-ca',
      webhookConfiguration: 'tokenbroker-webhook',
      clusterInterceptor: 'tokenbroker-events',
      caFile: file('ca.crt'),
      servers: { broker: ['localhost'], webhook: ['localhost'] },
    },
  })
  const deadline = Date.now() + 20_000
  const ready = async (name: string, at: string) =>
    options.waitFor === undefined ? await waitUntilReady(name, at, deadline) : await options.waitFor(kube, name, at)
  await ready('broker', `${url(metrics)}/readyz`)
  await ready('controller', `${url(controller)}/readyz`)
  const authority = await mountSecret(kube, directory)
  await start('webhook', 'custom-task/webhook/main.ts', {
    broker: { url: url(token), audience: url(discovery), caFile: file('ca.crt') },
    sidecar: { image: 'tokenbroker-task:1' },
    listener: { ...at(webhook), tls: { certFile: file('serving/tls.crt'), keyFile: file('serving/tls.key') } },
    health: at(health),
    kubeconfig: await kubeconfigOf('webhook'),
    drainSeconds: 0,
  })
  await ready('webhook', `${url(health)}/readyz`)
  const urls = {
    broker: url(token),
    webhook: `https://localhost:${webhook}`,
    issuer: url(discovery),
    metrics: url(metrics),
  }
  return { kube, tekton, urls, authority }
}

const admission = {
  release: 'tokenbroker',
  namespace: system,
  tektonControllers: ['tekton-pipelines/tekton-pipelines-controller'],
  eventListeners: [],
  broker: `${system}/tokenbroker-broker`,
  controller: `${system}/tokenbroker-controller`,
}

/** The admission policies, which the server only stores, but for the one that the canary is tried on. */
function installPolicies({ objects }: FakeKube, audience: string): void {
  const time = '2026-01-01T00:00:00Z'
  for (const { name, policy, binding } of expectedPolicies(admission, audience)) {
    const metadata = { name, labels: { 'app.kubernetes.io/part-of': 'tokenbroker' }, managedFields: [{ time }] }
    const apiVersion = 'admissionregistration.k8s.io/v1'
    objects.create({ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata, spec: policy })
    objects.create({ apiVersion, kind: 'ValidatingAdmissionPolicyBinding', metadata, spec: binding })
  }
}

function installObjects(kube: FakeKube, rolesOf: (file: string) => readonly Role[]): void {
  const { objects } = kube
  for (const name of new Set(Object.values(accountOf)))
    objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: system } })
  for (const [file, name] of Object.entries(accountOf))
    for (const role of rolesOf(file)) bindRole(kube, role, { namespace: system, name })
  const metadata = (name: string) => ({ metadata: { name, namespace: system } })
  objects.create({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...metadata('tokenbroker-controller') })
  objects.create({ apiVersion: 'v1', kind: 'Secret', ...metadata('tokenbroker-certificates') })
  objects.create({ apiVersion: 'v1', kind: 'ConfigMap', ...metadata('tokenbroker-ca') })
  objects.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'tokenbroker-webhook' },
    webhooks: [{ name: 'inject.tokenbroker.dev', clientConfig: { service: { name: 'x', namespace: system } } }],
  })
  objects.create({
    apiVersion: 'triggers.tekton.dev/v1alpha1',
    kind: 'ClusterInterceptor',
    metadata: { name: 'tokenbroker-events' },
    spec: { clientConfig: { service: { name: 'x', namespace: system } } },
  })
  const replicaSet = createControllerReplicaSet(kube, { namespace: system, name: 'tokenbroker-controller' })
  objects.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'tokenbroker-controller-0', namespace: system, ...ownedBy(replicaSet) },
    spec: { serviceAccountName: 'tokenbroker-controller', nodeName: 'node1' },
    status: { phase: 'Running' },
  })
  objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'ClusterTokenProvider',
    metadata: { name: 'builtin' },
    spec: {
      builtin: {},
      audiences: ['https://deploy.example.com'],
      scopes: ['deploy:staging'],
      limits: { secretDelivery: true },
    },
  })
  // The TokenPolicy of the example has this name, too, and comes before it.
  objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'ClusterTokenPolicy',
    metadata: { name: 'deploy-staging' },
    spec: { audience: 'https://deploy.example.com', scopes: ['deploy:staging'], suspend: true },
  })
}

/** As the kubelet mounts the Secret for the webhook. @returns the authorities */
async function mountSecret(kube: FakeKube, directory: string): Promise<string> {
  const ref = { namespace: system, name: 'tokenbroker-certificates' }
  const { data = {} } = kube.objects.get<KubeObject & { data?: Record<string, string> }>(resources.secrets, ref) ?? {}
  const text = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString()
  await mkdir(join(directory, 'serving'))
  await writeFile(join(directory, 'serving/tls.crt'), text('webhook.crt'))
  await writeFile(join(directory, 'serving/tls.key'), text('webhook.key'))
  return text('ca.crt')
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
