import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { FakeKube } from '../fakes/kube/server.ts'

const root = join(import.meta.dirname, '../..')
export const system = 'tokenbroker-system'
export const target = 'https://deploy.example.com'

/** What the platform team installs: accounts, RBAC from the chart, and the provider with what exists. */
export function installPlatform({ objects }: FakeKube): void {
  for (const component of ['broker', 'controller'] as const) {
    const name = `tokenbroker-${component}`
    objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: system } })
    for (const object of documents(`charts/rbac/${component}.yaml`)) {
      objects.create(object.kind === 'Role' ? withNamespace(object) : object)
      objects.create(bindingOf(object, name))
    }
  }
  for (const [name, serviceAccountName] of [
    ['tokenbroker-controller-0', 'tokenbroker-controller'],
    ['deploy-api-0', 'deploy-api'],
  ] as const) {
    if (serviceAccountName === 'deploy-api') {
      objects.create({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'deploy-api', namespace: 'deploy' },
      })
    }
    const namespace = serviceAccountName === 'deploy-api' ? 'deploy' : system
    objects.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: { serviceAccountName, nodeName: 'node1' },
      status: { phase: 'Running' },
    })
  }
  objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'ClusterTokenProvider',
    metadata: { name: 'builtin' },
    spec: { builtin: {}, audiences: [target], scopes: ['deploy:staging', 'deploy:production'] },
  })
}

/** What the team of the pipeline applies: the example, as it is shipped. */
export function applyExample({ objects }: FakeKube): void {
  for (const file of ['rbac', 'token-policy', 'task', 'pipeline']) {
    for (const object of documents(`tekton/examples/custom-task/${file}.yaml`)) objects.create(object)
  }
}

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

function documents(file: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(join(root, file), 'utf8')).map((document) => document.toJS() as Manifest)
}

function withNamespace(object: Manifest): Manifest {
  return { ...object, metadata: { ...object.metadata, namespace: system } }
}

function bindingOf({ kind, metadata: { name } }: Manifest, serviceAccount: string): object {
  const apiGroup = 'rbac.authorization.k8s.io'
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: `${kind}Binding`,
    metadata: { name, ...(kind === 'Role' && { namespace: system }) },
    roleRef: { apiGroup, kind, name },
    subjects: [{ kind: 'ServiceAccount', name: serviceAccount, namespace: system }],
  }
}
