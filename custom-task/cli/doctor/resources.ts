import type { Resource } from '../../../core/io/kube/api.ts'

function namespaced(group: string, version: string, plural: string): Resource {
  return { group, version, plural, isNamespaced: true }
}

function clusterWide(group: string, version: string, plural: string): Resource {
  return { group, version, plural, isNamespaced: false }
}

/** What only the doctor looks at; everything else is in `core/io/kube/api.ts`, from which RBAC is generated. */
export const looked = {
  services: namespaced('', 'v1', 'services'),
  endpointSlices: namespaced('discovery.k8s.io', 'v1', 'endpointslices'),
  deployments: namespaced('apps', 'v1', 'deployments'),
  statefulSets: namespaced('apps', 'v1', 'statefulsets'),
  definitions: clusterWide('apiextensions.k8s.io', 'v1', 'customresourcedefinitions'),
  admissionPolicies: clusterWide('admissionregistration.k8s.io', 'v1', 'validatingadmissionpolicies'),
  admissionBindings: clusterWide('admissionregistration.k8s.io', 'v1', 'validatingadmissionpolicybindings'),
} as const
