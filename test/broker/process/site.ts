import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { installPlatform, system, target } from '../../demo/cluster-objects.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'
import { createRun } from '../identity/run-fixture.ts'
import { type BrokerProcess, spawnBroker } from './broker-process.ts'

/** A cluster with the platform, one policy and its RBAC, and a place for the broker's files. */

export const issuer = 'https://tokenbroker.example.com'
export const namespace = 'payments'
const loopback = { address: '127.0.0.1', port: 0 }

export interface Site {
  readonly kube: FakeKube
  readonly directory: string
  readonly journal: string
  /** Writes a configuration and starts a broker with it. */
  start(changes?: object, options?: Parameters<typeof spawnBroker>[1]): Promise<BrokerProcess>
  /** Starts a broker and waits until it is ready. */
  startReady(changes?: object, options?: Parameters<typeof spawnBroker>[1]): Promise<Running>
  /** A run that goes on, and the projected token of its pod. */
  createRun(): { readonly run: KubeObject; readonly token: string }
  /** The projected token of the controller, or of the API that may introspect. */
  tokenOf(who: 'controller' | 'deploy-api'): string
}

export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** A broker with the addresses of its listeners. */
export interface Running extends BrokerProcess {
  readonly urls: Readonly<Record<'token' | 'discovery' | 'metrics', string>>
  post(path: string, form: Readonly<Record<string, string>>, bearer?: string): Promise<Answer>
  exchange(subjectToken: string): Promise<Answer>
  /** Status and text of `/readyz`. */
  readiness(): Promise<readonly [status: number, text: string]>
}

export async function createSite(): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), 'tokenbroker-process-'))
  const kube = await startKube()
  onTestFinished(async () => {
    await kube.close()
    await rm(directory, { recursive: true, force: true })
  })
  installPlatform(kube)
  installTenant(kube)
  const kubeconfig = join(directory, 'kubeconfig.json')
  await writeFile(kubeconfig, kube.kubeconfig({ namespace: system, serviceAccount: 'tokenbroker-broker' }))
  const journal = join(directory, 'audit')
  const config = {
    issuer,
    listeners: { token: loopback, discovery: loopback, metrics: loopback },
    clusters: [{ name: 'main', issuer: kube.url, kubeconfig }],
    controller: { namespace: system, serviceAccount: 'tokenbroker-controller' },
    introspection: { callers: [{ namespace: 'deploy', serviceAccount: 'deploy-api', audiences: [target] }] },
    keys: { directory: join(directory, 'keys') },
    audit: { directory: journal },
    limits: { requestsPerSecondPerPod: 100_000, burstPerPod: 100_000, burstPerNamespace: 100_000 },
  }

  async function start(changes: object = {}, options = {}): Promise<BrokerProcess> {
    const file = join(directory, `${randomUUID()}.json`)
    await writeFile(file, JSON.stringify({ ...config, ...changes }))
    return spawnBroker(['--config', file], options)
  }

  return {
    kube,
    directory,
    journal,
    start,
    async startReady(changes, options) {
      const broker = await running(await start(changes, options))
      await expect.poll(broker.readiness, { timeout: 15_000, interval: 10 }).toEqual([200, 'ok\n'])
      return broker
    },
    createRun() {
      const status = { startTime: new Date().toISOString() }
      const { pipelineRun, pod } = createRun(kube, { pipelineRun: { status }, taskRun: { status } })
      const token = kube.projectToken({
        namespace,
        serviceAccount: 'deployer',
        pod: pod.metadata.name,
        audience: issuer,
      })
      return { run: pipelineRun, token }
    },
    tokenOf: (who) =>
      who === 'controller'
        ? kube.projectToken({
            namespace: system,
            serviceAccount: 'tokenbroker-controller',
            pod: 'tokenbroker-controller-0',
            audience: issuer,
          })
        : kube.projectToken({
            namespace: 'deploy',
            serviceAccount: 'deploy-api',
            pod: 'deploy-api-0',
            audience: issuer,
          }),
  }
}

/** Waits for the listeners. */
export async function running(broker: BrokerProcess): Promise<Running> {
  await broker.logged('broker started')
  const listening = broker.log().filter(({ msg }) => msg === 'listening')
  const urlOf = (name: string) => String(listening.find(({ listener }) => listener === name)?.['url'])
  const urls = { token: urlOf('token'), discovery: urlOf('discovery'), metrics: urlOf('metrics') }

  async function post(path: string, form: Readonly<Record<string, string>>, bearer?: string): Promise<Answer> {
    const response = await fetch(`${urls.token}${path}`, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  return {
    ...broker,
    urls,
    post,
    exchange: (token) => post('/token', exchangeForm(token)),
    async readiness() {
      const response = await fetch(`${urls.metrics}/readyz`)
      return [response.status, await response.text()]
    },
  }
}

export function exchangeForm(token: string): Record<string, string> {
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    policy: 'deploy-staging',
  }
}

/** What the team of the pipeline has: an account, a policy, and RBAC for its one scope. */
function installTenant({ objects }: FakeKube): void {
  const rbac = 'rbac.authorization.k8s.io'
  const metadata = { name: 'deploy-staging', namespace }
  objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'deployer', namespace } })
  objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenPolicy',
    metadata,
    spec: { audience: target, scopes: ['deploy:staging'] },
  })
  objects.create({
    apiVersion: `${rbac}/v1`,
    kind: 'Role',
    metadata,
    rules: [
      {
        apiGroups: ['tokenbroker.dev'],
        resources: ['tokenscopes'],
        resourceNames: ['builtin:deploy:staging'],
        verbs: ['exchange'],
      },
    ],
  })
  objects.create({
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: rbac, kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', name: 'deployer', namespace }],
  })
}

export const refs = {
  provider: [resources.clusterTokenProviders, { name: 'builtin' }],
  policy: [resources.tokenPolicies, { namespace, name: 'deploy-staging' }],
} as const
