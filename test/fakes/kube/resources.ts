import { apiGroup, apiVersion, type KindDefinition } from '../../../core/crd/kind.ts'
import { kinds } from '../../../core/crd/kinds.ts'
import type { Resource } from '../../../core/io/kube/api.ts'

/** A kind that the fake serves. */
export interface ApiResource extends Resource {
  readonly kind: string
  readonly singular: string
  readonly shortNames: readonly string[]
  /** Whether `status` is a subresource of its own. */
  readonly hasStatus: boolean
  readonly hasGeneration: boolean
  /** Custom resources carry kind in lists and refuse an update without resourceVersion; built-in ones do neither. */
  readonly isCustom: boolean
  /** Where a created object's answer is all there is, such as TokenReview. */
  readonly isReview: boolean
}

type Row = readonly [plural: string, kind: string, traits?: Partial<ApiResource>]

function rows(group: string, version: string, defaults: Partial<ApiResource>, list: readonly Row[]): ApiResource[] {
  return list.map(([plural, kind, traits]) => ({
    group,
    version,
    plural,
    kind,
    singular: kind.toLowerCase(),
    shortNames: [],
    isNamespaced: true,
    hasStatus: false,
    hasGeneration: false,
    isCustom: false,
    isReview: false,
    ...defaults,
    ...traits,
  }))
}

const custom = { isCustom: true, hasGeneration: true, hasStatus: true } as const
const cluster = { isNamespaced: false } as const
const review = { isReview: true, isNamespaced: false } as const

function ours(kind: KindDefinition): ApiResource[] {
  const traits = {
    ...custom,
    singular: kind.singular,
    shortNames: kind.shortNames,
    hasStatus: kind.status !== undefined,
    isNamespaced: kind.scope === 'Namespaced',
  }
  return rows(apiGroup, apiVersion, traits, [[kind.plural, kind.kind]])
}

/** Everything the fake serves; kinds of our own group come from `core/crd/kinds.ts`. */
export const served: readonly ApiResource[] = [
  ...rows('', 'v1', {}, [
    ['namespaces', 'Namespace', { ...cluster, hasStatus: true, shortNames: ['ns'] }],
    ['nodes', 'Node', { ...cluster, hasStatus: true, shortNames: ['no'] }],
    ['serviceaccounts', 'ServiceAccount', { shortNames: ['sa'] }],
    ['pods', 'Pod', { hasStatus: true, hasGeneration: true, shortNames: ['po'] }],
    ['secrets', 'Secret'],
    ['configmaps', 'ConfigMap', { shortNames: ['cm'] }],
    ['events', 'Event', { shortNames: ['ev'] }],
    ['services', 'Service', { hasStatus: true, shortNames: ['svc'] }],
  ]),
  ...rows('apps', 'v1', { hasStatus: true, hasGeneration: true }, [
    ['deployments', 'Deployment', { shortNames: ['deploy'] }],
    ['statefulsets', 'StatefulSet', { shortNames: ['sts'] }],
  ]),
  ...rows('discovery.k8s.io', 'v1', {}, [['endpointslices', 'EndpointSlice']]),
  ...rows('apiextensions.k8s.io', 'v1', cluster, [
    ['customresourcedefinitions', 'CustomResourceDefinition', { hasStatus: true, hasGeneration: true }],
  ]),
  ...rows('apps', 'v1', { hasStatus: true, hasGeneration: true }, [
    ['deployments', 'Deployment'],
    ['replicasets', 'ReplicaSet'],
  ]),
  ...rows('coordination.k8s.io', 'v1', {}, [['leases', 'Lease']]),
  ...rows('admissionregistration.k8s.io', 'v1', cluster, [
    ['mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', { hasGeneration: true }],
    ['validatingadmissionpolicies', 'ValidatingAdmissionPolicy', { hasGeneration: true, hasStatus: true }],
    ['validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding', { hasGeneration: true }],
  ]),
  ...rows('rbac.authorization.k8s.io', 'v1', {}, [
    ['roles', 'Role'],
    ['rolebindings', 'RoleBinding'],
    ['clusterroles', 'ClusterRole', cluster],
    ['clusterrolebindings', 'ClusterRoleBinding', cluster],
  ]),
  ...rows('tekton.dev', 'v1', custom, [
    ['taskruns', 'TaskRun', { shortNames: ['tr'] }],
    ['pipelineruns', 'PipelineRun', { shortNames: ['pr'] }],
    ['tasks', 'Task', { hasStatus: false }],
    ['pipelines', 'Pipeline', { hasStatus: false }],
  ]),
  ...rows('tekton.dev', 'v1beta1', custom, [['customruns', 'CustomRun']]),
  ...rows('triggers.tekton.dev', 'v1alpha1', { ...custom, ...cluster }, [
    ['clusterinterceptors', 'ClusterInterceptor'],
  ]),
  ...kinds.flatMap(ours),
  ...rows('authentication.k8s.io', 'v1', review, [
    ['tokenreviews', 'TokenReview'],
    ['selfsubjectreviews', 'SelfSubjectReview'],
  ]),
  ...rows('authorization.k8s.io', 'v1', review, [
    ['subjectaccessreviews', 'SubjectAccessReview'],
    ['selfsubjectaccessreviews', 'SelfSubjectAccessReview'],
    ['localsubjectaccessreviews', 'LocalSubjectAccessReview', { isNamespaced: true }],
  ]),
]

export function groupVersion(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
}

const byPath = new Map(served.map((resource) => [`${groupVersion(resource)}/${resource.plural}`, resource]))
const byKind = new Map(served.map((resource) => [`${groupVersion(resource)}/${resource.kind}`, resource]))

/** By `group/version` and plural, the way URLs name it. */
export function findResource(apiVersionText: string, plural: string): ApiResource | undefined {
  return byPath.get(`${apiVersionText}/${plural}`)
}

/** By `apiVersion` and `kind`, the way objects name it. */
export function findKind(apiVersionText: string, kind: string): ApiResource | undefined {
  return byKind.get(`${apiVersionText}/${kind}`)
}

/** The served resource that a `core/io/kube` constant means. @throws TypeError when the fake does not serve it */
export function servedResource(resource: Resource): ApiResource {
  const found = findResource(groupVersion(resource), resource.plural)
  if (found === undefined) throw new TypeError(`the fake serves no ${groupVersion(resource)}/${resource.plural}`)
  return found
}

/** One of the built-in kinds by its plural, for the server's own look-ups. */
export function builtin(plural: string): ApiResource {
  const found = served.find((resource) => resource.plural === plural)
  if (found === undefined) throw new TypeError(`the fake serves no ${plural}`)
  return found
}
