import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { policyNames } from '../../../../core/admission/policies.ts'
import { customResourceDefinition } from '../../../../core/crd/definition.ts'
import { kinds } from '../../../../core/crd/kinds.ts'
import { version } from '../../../../core/version.ts'
import { issueAuthority, issueServing } from '../../../../custom-task/certificates/certificate.ts'
import type { Finding } from '../../../../custom-task/cli/doctor/check.ts'
import { webhookConfiguration } from '../../../../custom-task/webhook-configuration.ts'
import type { ProxiedAnswer, ProxiedPlace } from '../../../fakes/kube/handler.ts'
import { type FakeKube, startKube } from '../../../fakes/kube/server.ts'
import { commandLine, type Ran, temporaryDirectory } from '../command-line.ts'

export const system = 'tokenbroker-system'
export const issuer = 'https://tokenbroker-discovery.tokenbroker-system.svc'

/** What stands behind the API server; tests change it. */
export interface Behind {
  readyz: ProxiedAnswer
  discovery: object
  jwks: object
  /** The webhook's words on a forged pod; undefined: it is not asked. */
  refusal: string | undefined
}

/** The chart's objects on the embedded API server, as they are when all is well. */
export interface Installed {
  readonly kube: FakeKube
  readonly behind: Behind
  readonly doctor: (...args: readonly string[]) => Promise<Ran>
  /** The findings by name of the check. */
  readonly findings: () => Promise<Readonly<Record<string, Finding>>>
  /** The same with the kubeconfig of somebody else. */
  readonly findingsOf: (kubeconfig: string) => Promise<Readonly<Record<string, Finding>>>
}

export async function install(clock: () => Date = () => new Date()): Promise<Installed> {
  const behind: Behind = {
    readyz: { status: 200, text: 'ok\n' },
    discovery: { issuer, jwks_uri: `${issuer}/jwks` },
    jwks: { keys: [{ kid: 'one' }] },
    refusal:
      'admission webhook "inject.tokenbroker.dev" denied the request: the pod names a TaskRun that does not exist',
  }
  const kube = await startKube({
    proxied: (place) => answerOf(place, behind),
    judgePod: () => behind.refusal,
  })
  onTestFinished(() => kube.close())
  const directory = await temporaryDirectory()
  createObjects(kube)
  const doctor = async (kubeconfig: string, args: readonly string[]) => {
    const file = join(directory, 'kubeconfig')
    await writeFile(file, kubeconfig)
    return await commandLine(['doctor', '--kubeconfig', file, ...args], { clock })
  }
  const findingsOf = async (kubeconfig: string) => {
    const { out } = await doctor(kubeconfig, ['-o', 'json'])
    const all = JSON.parse(out) as readonly (Finding & { readonly check: string })[]
    return Object.fromEntries(all.map(({ check, ...finding }) => [check, finding]))
  }
  const admin = kube.kubeconfig('admin')
  return {
    kube,
    behind,
    doctor: (...args) => doctor(admin, args),
    findings: () => findingsOf(admin),
    findingsOf,
  }
}

function answerOf({ service, path }: ProxiedPlace, behind: Behind): ProxiedAnswer | undefined {
  const json = (value: object) => ({ status: 200, text: JSON.stringify(value) })
  if (service === 'tokenbroker-metrics:metrics' && path === '/readyz') return behind.readyz
  if (service !== 'https:tokenbroker-discovery:discovery') return undefined
  return path === '/jwks' ? json(behind.jwks) : json(behind.discovery)
}

const labels = (component: string) => ({
  'app.kubernetes.io/part-of': 'tokenbroker',
  'app.kubernetes.io/component': component,
  'app.kubernetes.io/version': version,
})

const ofPeople = ['run-revocation', 'access-revocation', 'suspended-accounts', 'approvals']

function createObjects(kube: FakeKube): void {
  const now = Date.now()
  const lifetime = { notBefore: new Date(now - 3_600_000), notAfter: new Date(now + 86_400_000) }
  const authority = issueAuthority('tokenbroker', lifetime)
  const serving = issueServing(['localhost'], authority, lifetime).certificate.toString()
  const bundle = authority.certificate.toString()
  const create = (manifest: object) => kube.objects.create(manifest)
  const own = (name: string, component: string) => ({
    metadata: { name, namespace: system, labels: labels(component) },
  })

  for (const kind of kinds) {
    create({ ...customResourceDefinition(kind), status: { conditions: [{ type: 'Established', status: 'True' }] } })
  }
  create({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'customruns.tekton.dev' },
    spec: { versions: [{ name: 'v1beta1', served: true }] },
  })
  const tekton = (name: string, data: object) =>
    create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'tekton-pipelines' }, data })
  tekton('pipelines-info', { version: 'v1.15.0' })
  tekton('feature-flags', {
    'await-sidecar-readiness': 'true',
    'running-in-environment-with-injected-sidecars': 'true',
  })

  const config = (component: string, settings: object) =>
    create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      ...own(`tokenbroker-${component}`, component),
      data: { [`${component}.yaml`]: JSON.stringify(settings) },
    })
  config('broker', {
    name: 'tokenbroker',
    issuer,
    clusters: [{ name: 'main', issuer: kube.url, admission: { release: 'tokenbroker' } }],
    interceptor: { senders: [] },
  })
  config('controller', { secretDelivery: true })
  config('webhook', { broker: { url: 'https://tokenbroker.tokenbroker-system.svc', audience: issuer } })
  create({ apiVersion: 'v1', kind: 'ConfigMap', ...own('tokenbroker-ca', 'controller'), data: { 'ca.crt': bundle } })
  create({
    apiVersion: 'v1',
    kind: 'Secret',
    ...own('tokenbroker-certificates', 'controller'),
    data: Object.fromEntries(
      ['broker.crt', 'webhook.crt'].map((key) => [key, Buffer.from(serving).toString('base64')]),
    ),
  })
  for (const [kind, name, component] of [
    ['StatefulSet', 'tokenbroker', 'broker'],
    ['Deployment', 'tokenbroker-controller', 'controller'],
    ['Deployment', 'tokenbroker-webhook', 'webhook'],
  ] as const) {
    create({
      apiVersion: 'apps/v1',
      kind,
      ...own(name, component),
      spec: {
        replicas: 1,
        template: { spec: { containers: [{ image: 'tokenbroker:1' }], volumes: volumesOf(component) } },
      },
      status: { readyReplicas: 1 },
    })
  }
  create({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    ...own('tokenbroker-controller', 'controller'),
    spec: { holderIdentity: 'tokenbroker-controller-0_1', leaseDurationSeconds: 15, renewTime: microTime(now) },
  })
  create({
    apiVersion: 'v1',
    kind: 'Service',
    ...own('tokenbroker-webhook', 'webhook'),
    spec: { ports: [{ port: 443 }] },
  })
  create({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'tokenbroker-webhook-abc',
      namespace: system,
      labels: { 'kubernetes.io/service-name': 'tokenbroker-webhook' },
    },
    endpoints: [{ conditions: { ready: true } }],
  })
  create(
    webhookConfiguration({
      name: 'tokenbroker-webhook',
      labels: labels('webhook'),
      client: { service: { namespace: system, name: 'tokenbroker-webhook', port: 443 } },
      caBundle: Buffer.from(bundle).toString('base64'),
      excludedNamespaces: ['kube-system', system],
    }),
  )
  create({
    apiVersion: 'triggers.tekton.dev/v1alpha1',
    kind: 'ClusterInterceptor',
    metadata: { name: 'tokenbroker-events', labels: { ...labels('broker'), 'server/type': 'https' } },
    spec: { clientConfig: { caBundle: Buffer.from(bundle).toString('base64') } },
  })
  for (const policyName of [...ofPeople, 'secrets', ...policyNames].map((end) => `tokenbroker-${end}`)) {
    const shared = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      metadata: { name: policyName, labels: labels('admission') },
    }
    create({ ...shared, kind: 'ValidatingAdmissionPolicy', spec: { failurePolicy: 'Fail' } })
    create({ ...shared, kind: 'ValidatingAdmissionPolicyBinding', spec: { policyName, validationActions: ['Deny'] } })
  }
  create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'ClusterTokenProvider',
    metadata: { name: 'builtin' },
    spec: { builtin: {}, audiences: ['https://deploy.example.com'], scopes: ['deploy:staging'] },
    status: { conditions: [ready('True', 'Issues.')] },
  })
  create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenPolicy',
    metadata: { name: 'deploy-staging', namespace: 'payments' },
    spec: { audience: 'https://deploy.example.com', scopes: ['deploy:staging'] },
    status: { conditions: [ready('True', 'Issues.')] },
  })
}

function volumesOf(component: string): readonly object[] {
  if (component === 'controller') {
    return [{ name: 'token', projected: { sources: [{ serviceAccountToken: { audience: issuer, path: 'token' } }] } }]
  }
  const items = [{ key: `${component}.crt`, path: 'tls.crt' }]
  return [{ name: 'serving', secret: { secretName: 'tokenbroker-certificates', items } }]
}

export function ready(status: 'True' | 'False', message: string): object {
  return { type: 'Ready', status, reason: 'Any', message, lastTransitionTime: '2026-01-01T00:00:00Z' }
}

export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}
