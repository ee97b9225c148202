import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type BuiltModule, moduleSources } from '../build.ts'
import { type Kube, type KubeObject, readObjects } from '../harness/kube.ts'
import { referenceOf } from '../images.ts'
import { kubeconfigOf, writeKubeconfig } from './credentials.ts'
import { state } from './places.ts'
import type { Component } from './supervisor.ts'

const namespace = 'tekton-pipelines'
const webhookService = 'tekton-pipelines-webhook'
const webhookPort = 18443

/** Answer when the two Tekton processes can be used. */
export const tektonReadiness = {
  'tekton-webhook': 'http://127.0.0.1:18081/readiness',
  'tekton-controller': 'http://127.0.0.1:18080/readiness',
} as const

/**
 * Installs Tekton's own manifests from the module cache, all but the Deployments: the processes run beside the API
 * server, which reaches the webhook through a Service that is an alias of `localhost`.
 */
export async function installTekton(kube: Kube): Promise<void> {
  const config = join(await moduleSources('tekton', 'github.com/tektoncd/pipeline'), 'config')
  const wanted = /^(200-|201-|clusterrole-aggregate-|config-|500-webhooks).*\.yaml$/
  await applyFile(kube, join(config, '100-namespace', '100-namespace.yaml'))
  const definitions = (await readdir(join(config, '300-crds'))).filter((file) => file.endsWith('.yaml'))
  await Promise.all(definitions.map((file) => applyFile(kube, join(config, '300-crds', file))))
  const others = (await readdir(config)).filter((file) => wanted.test(file)).sort()
  await Promise.all(others.map((file) => applyFile(kube, join(config, file))))
  await kube.apply([
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: webhookService, namespace },
      spec: { type: 'ExternalName', externalName: 'localhost' },
    },
  ])
}

/** Logs both processes in as Tekton's own service accounts, so that the permissions it ships are the ones tested. */
export async function createTektonLogins(kube: Kube): Promise<void> {
  for (const [name, account] of [
    ['tekton-controller', 'tekton-pipelines-controller'],
    ['tekton-webhook', 'tekton-pipelines-webhook'],
  ] as const) {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: 86_400 },
    }
    const { status } = await kube.post(path, request)
    await writeKubeconfig(state, name, { token: status.token })
  }
}

export function tektonWebhook(built: BuiltModule): Component {
  return {
    name: 'tekton-webhook',
    command: join(built.directory, 'webhook'),
    args: ['-disable-ha'],
    env: {
      ...environment('webhook', 1),
      WEBHOOK_SERVICE_NAME: webhookService,
      WEBHOOK_SECRET_NAME: 'webhook-certs',
      WEBHOOK_ADMISSION_CONTROLLER_NAME: 'webhook.pipeline.tekton.dev',
      WEBHOOK_PORT: String(webhookPort),
    },
  }
}

export function tektonController(built: BuiltModule): Component {
  const images = ['entrypoint', 'nop', 'sidecarlogresults', 'workingdirinit']
  return {
    name: 'tekton-controller',
    command: join(built.directory, 'controller'),
    args: [
      '-disable-ha',
      ...images.flatMap((name) => [`-${name}-image`, referenceOf(`tekton-${name}`)]),
      '-shell-image',
      referenceOf('busybox'),
      '-shell-image-win',
      referenceOf('none'),
    ],
    env: { ...environment('controller', 0), CONFIG_DEFAULTS_NAME: 'config-defaults', CONFIG_SPIRE: 'config-spire' },
  }
}

/** Asks for admission of a Task without storing it: true once Tekton's webhooks are registered and answer. */
export async function tektonAdmits(kube: Kube): Promise<boolean> {
  const task = {
    apiVersion: 'tekton.dev/v1',
    kind: 'Task',
    metadata: { generateName: 'probe-', namespace: 'default' },
    // refused by Tekton's validation only: a pass would mean that nobody validates yet
    spec: { steps: [] },
  }
  try {
    await kube.create(task, { query: { dryRun: 'All' } })
    return false
  } catch (error) {
    if (error instanceof Error && error.message.includes('validation.webhook.pipeline.tekton.dev')) return true
    throw error
  }
}

function environment(program: 'controller' | 'webhook', offset: number): NodeJS.ProcessEnv {
  return {
    KUBECONFIG: kubeconfigOf(state, `tekton-${program}`),
    SYSTEM_NAMESPACE: namespace,
    KUBERNETES_MIN_VERSION: 'v1.28.0',
    METRICS_DOMAIN: 'tekton.dev/pipeline',
    PROBES_PORT: String(18080 + offset),
    METRICS_PROMETHEUS_PORT: String(19090 + offset),
    PROFILING_PORT: String(18008 + offset),
    CONFIG_LEADERELECTION_NAME: `config-leader-election-${program}`,
    CONFIG_FEATURE_FLAGS_NAME: 'feature-flags',
    CONFIG_LOGGING_NAME: 'config-logging',
    CONFIG_OBSERVABILITY_NAME: 'config-observability',
  }
}

async function applyFile(kube: Kube, file: string): Promise<void> {
  await kube.apply(readObjects(await readFile(file, 'utf8')).map(withWebhookPort))
}

/** Every reference to the webhook's Service gets the port the process listens on: an alias has no ports of its own. */
function withWebhookPort(object: KubeObject): KubeObject {
  return JSON.parse(JSON.stringify(object), (key, value) =>
    key === 'service' && value?.name === webhookService ? { ...value, port: webhookPort } : value,
  )
}
