import { randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { apply, facts, kube } from '../harness/cluster.ts'
import { issueCertificate } from '../harness/host-service.ts'
import { type KubeObject, readObjects } from '../harness/kube.ts'
import { waitFor } from '../harness/wait.ts'
import { issuerUrl, productManifests, system, tokenUrl } from './manifests.ts'

const charts = join(import.meta.dirname, '../../../charts')

/** The installed product. */
export interface Product {
  /** Certificate authority of its listeners, PEM. */
  readonly authority: string
  readonly brokerPod: () => Promise<string>
  readonly controllerPod: () => Promise<string>
}

/** Puts CRDs, RBAC, broker and controller on the cluster, and waits until both are ready. Doing it again starts both anew. */
export async function installProduct(): Promise<Product> {
  const { images } = facts()
  if (images.broker === null || images.task === null) throw new Error('the product images are missing')
  const client = await kube()
  await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: system } }])
  await applyDefinitions()
  for (const component of ['broker', 'controller'] as const) {
    await apply(namespaced(readObjects(await readFile(join(charts, 'rbac', `${component}.yaml`), 'utf8'))))
    await apply(bindings(component))
  }

  const hosts = [tokenUrl, issuerUrl].map((url) => new URL(url).hostname)
  const issued = await issueCertificate(hosts)
  const discovery = await client.get<{ issuer: string }>('/.well-known/openid-configuration', { token: '' })
  const installation = randomUUID()
  await apply(
    productManifests({
      installation,
      brokerImage: images.broker,
      taskImage: images.task,
      dataPath: join(facts().logs, 'broker-data'),
      clusterIssuer: discovery.issuer,
      certificate: await readFile(issued.certificate, 'utf8'),
      key: await readFile(issued.key, 'utf8'),
      authority: issued.authorityPem,
    }),
  )
  await Promise.all([podOf('tokenbroker', installation), podOf('tokenbroker-controller', installation)])
  return {
    authority: issued.authorityPem,
    brokerPod: () => podOf('tokenbroker', installation),
    controllerPod: () => podOf('tokenbroker-controller', installation),
  }
}

/** Makes the API server know our kinds. */
export async function applyDefinitions(): Promise<void> {
  for (const file of await readdir(join(charts, 'crds')))
    await apply(await readFile(join(charts, 'crds', file), 'utf8'))
}

/** Name of the ready pod with this `app` label, of this installation. */
async function podOf(app: string, installation: string): Promise<string> {
  const client = await kube()
  return await waitFor(
    `${app} is ready`,
    async () => {
      const pods = await client.list(`/api/v1/namespaces/${system}/pods`, {
        labelSelector: `app=${app},installation=${installation}`,
      })
      const ready = pods.find((pod) => isReady(pod) && pod.metadata['deletionTimestamp'] === undefined)
      return ready?.metadata.name
    },
    { timeoutMs: 60_000 },
  )
}

function isReady(pod: KubeObject): boolean {
  const conditions: readonly { type: string; status: string }[] = pod.status?.conditions ?? []
  return conditions.some((one) => one.type === 'Ready' && one.status === 'True')
}

function namespaced(objects: readonly KubeObject[]): readonly KubeObject[] {
  return objects.map((one) =>
    one.kind === 'Role' ? { ...one, metadata: { ...one.metadata, namespace: system } } : one,
  )
}

function bindings(component: 'broker' | 'controller'): readonly KubeObject[] {
  const name = `tokenbroker-${component}`
  const apiGroup = 'rbac.authorization.k8s.io'
  const subjects = [{ kind: 'ServiceAccount', name, namespace: system }]
  const cluster = {
    apiVersion: `${apiGroup}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects,
  }
  if (component === 'broker') return [cluster]
  const role = {
    apiVersion: `${apiGroup}/v1`,
    kind: 'RoleBinding',
    metadata: { name, namespace: system },
    roleRef: { apiGroup, kind: 'Role', name },
    subjects,
  }
  return [cluster, role]
}
