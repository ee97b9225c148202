import type { Registry } from './registry.ts'
import { builtin } from './resources.ts'

interface RuleInput {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

const read = ['get', 'list', 'watch']
const write = ['create', 'delete', 'deletecollection', 'patch', 'update']
const tekton = ['tasks', 'taskruns', 'pipelines', 'pipelineruns', 'customruns']
const discoveryUrls = [
  '/api',
  '/api/*',
  '/apis',
  '/apis/*',
  '/healthz',
  '/livez',
  '/openapi',
  '/openapi/*',
  '/readyz',
  '/version',
  '/version/',
]

/** ClusterRoles of a fresh cluster that our installations and tests build upon. */
const clusterRoles: Readonly<Record<string, readonly RuleInput[]>> = {
  'cluster-admin': [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ],
  'system:discovery': [{ verbs: ['get'], nonResourceURLs: discoveryUrls }],
  'system:public-info-viewer': [
    { verbs: ['get'], nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'] },
  ],
  'system:service-account-issuer-discovery': [
    {
      verbs: ['get'],
      nonResourceURLs: [
        '/.well-known/openid-configuration',
        '/.well-known/openid-configuration/',
        '/openid/v1/jwks',
        '/openid/v1/jwks/',
      ],
    },
  ],
  'system:basic-user': [
    { verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['selfsubjectaccessreviews'] },
    { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
  ],
  'system:auth-delegator': [
    { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'] },
    { verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'] },
  ],
}

const aggregates: Readonly<Record<string, readonly RuleInput[]>> = {
  view: [
    { verbs: read, apiGroups: [''], resources: ['pods', 'configmaps', 'events', 'serviceaccounts', 'namespaces'] },
    { verbs: read, apiGroups: ['tekton.dev'], resources: tekton },
  ],
  edit: [
    { verbs: write, apiGroups: [''], resources: ['pods', 'configmaps', 'secrets', 'serviceaccounts'] },
    { verbs: read, apiGroups: [''], resources: ['secrets'] },
    { verbs: ['create'], apiGroups: [''], resources: ['serviceaccounts/token'] },
    { verbs: write, apiGroups: ['tekton.dev'], resources: tekton },
  ],
  admin: [
    { verbs: [...read, ...write], apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'] },
  ],
}

const includes: Readonly<Record<string, readonly string[]>> = {
  view: ['view'],
  edit: ['view', 'edit'],
  admin: ['view', 'edit', 'admin'],
}

const groupBindings: readonly (readonly [role: string, groups: readonly string[]])[] = [
  ['cluster-admin', ['system:masters']],
  ['system:discovery', ['system:authenticated']],
  ['system:public-info-viewer', ['system:authenticated', 'system:unauthenticated']],
  ['system:basic-user', ['system:authenticated']],
  ['system:service-account-issuer-discovery', ['system:serviceaccounts']],
]

const rbac = 'rbac.authorization.k8s.io/v1'
const aggregateLabel = (role: string) => `rbac.authorization.k8s.io/aggregate-to-${role}`

function createClusterRole(registry: Registry, name: string, body: object, labels: object = {}): void {
  const target = { resource: builtin('clusterroles'), namespace: undefined }
  registry.create(target, { apiVersion: rbac, kind: 'ClusterRole', metadata: { name, labels }, ...body })
}

function createAggregates(registry: Registry): void {
  for (const [name, rules] of Object.entries(aggregates)) {
    createClusterRole(registry, `system:aggregate-to-${name}`, { rules }, { [aggregateLabel(name)]: 'true' })
    const selectors = includes[name]?.map((role) => ({ matchLabels: { [aggregateLabel(role)]: 'true' } }))
    createClusterRole(registry, name, { aggregationRule: { clusterRoleSelectors: selectors }, rules: [] })
  }
}

/** Fills an empty cluster with what a fresh one has: namespaces, one node, default roles and bindings. */
export function bootstrap(registry: Registry, nodeName: string): void {
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
    const target = { resource: builtin('namespaces'), namespace: undefined }
    registry.create(target, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName } }
  registry.create({ resource: builtin('nodes'), namespace: undefined }, node)
  for (const [name, rules] of Object.entries(clusterRoles)) createClusterRole(registry, name, { rules })
  createAggregates(registry)
  for (const [role, groups] of groupBindings) {
    registry.create(
      { resource: builtin('clusterrolebindings'), namespace: undefined },
      {
        apiVersion: rbac,
        kind: 'ClusterRoleBinding',
        metadata: { name: role },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: groups.map((name) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name })),
      },
    )
  }
}
