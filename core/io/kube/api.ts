/** The Kubernetes API as broker and controller see it. Implemented by `client.ts` on one shared undici Agent. */
import type { Secret } from '../../secret.ts'

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  readonly finalizers?: readonly string[]
  /** Who changed which fields when; dropped unless a list asks for it. */
  readonly managedFields?: unknown
}

/** An object as the API server sends it: nothing but `metadata` is promised, the edge that uses it parses the rest. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly spec?: unknown
  readonly status?: unknown
}

/** Where a kind lives: `/api/v1/…` when group is empty, else `/apis/<group>/<version>/…`. */
export interface Resource {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly isNamespaced: boolean
}

/** Every resource that our processes touch; RBAC in the chart is generated from the same list. */
export const resources = {
  namespaces: { group: '', version: 'v1', plural: 'namespaces', isNamespaced: false },
  pods: { group: '', version: 'v1', plural: 'pods', isNamespaced: true },
  serviceAccounts: { group: '', version: 'v1', plural: 'serviceaccounts', isNamespaced: true },
  secrets: { group: '', version: 'v1', plural: 'secrets', isNamespaced: true },
  configMaps: { group: '', version: 'v1', plural: 'configmaps', isNamespaced: true },
  events: { group: '', version: 'v1', plural: 'events', isNamespaced: true },
  replicaSets: { group: 'apps', version: 'v1', plural: 'replicasets', isNamespaced: true },
  deployments: { group: 'apps', version: 'v1', plural: 'deployments', isNamespaced: true },
  leases: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', isNamespaced: true },
  mutatingWebhookConfigurations: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'mutatingwebhookconfigurations',
    isNamespaced: false,
  },
  clusterInterceptors: {
    group: 'triggers.tekton.dev',
    version: 'v1alpha1',
    plural: 'clusterinterceptors',
    isNamespaced: false,
  },
  validatingAdmissionPolicies: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'validatingadmissionpolicies',
    isNamespaced: false,
  },
  validatingAdmissionPolicyBindings: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'validatingadmissionpolicybindings',
    isNamespaced: false,
  },
  taskRuns: { group: 'tekton.dev', version: 'v1', plural: 'taskruns', isNamespaced: true },
  pipelineRuns: { group: 'tekton.dev', version: 'v1', plural: 'pipelineruns', isNamespaced: true },
  customRuns: { group: 'tekton.dev', version: 'v1beta1', plural: 'customruns', isNamespaced: true },
  tokenApprovals: { group: 'tokenbroker.dev', version: 'v1alpha1', plural: 'tokenapprovals', isNamespaced: true },
  tokenPolicies: { group: 'tokenbroker.dev', version: 'v1alpha1', plural: 'tokenpolicies', isNamespaced: true },
  clusterTokenPolicies: {
    group: 'tokenbroker.dev',
    version: 'v1alpha1',
    plural: 'clustertokenpolicies',
    isNamespaced: false,
  },
  clusterTokenProviders: {
    group: 'tokenbroker.dev',
    version: 'v1alpha1',
    plural: 'clustertokenproviders',
    isNamespaced: false,
  },
} as const satisfies Record<string, Resource>

export interface ObjectRef {
  readonly namespace?: string
  readonly name: string
}

export interface ListOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Default false: `metadata.managedFields` is half of many objects, and hardly anybody reads it. */
  readonly keepsManagedFields?: boolean
}

export type PatchType = 'merge' | 'json' | 'apply'

export interface PatchOptions {
  readonly type: PatchType
  readonly subresource?: 'status'
  /** Required for `apply`. */
  readonly fieldManager?: string
}

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly kind: 'added' | 'modified' | 'deleted'; readonly object: T }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string }

export interface TokenReviewResult {
  readonly isAuthenticated: boolean
  readonly audiences: readonly string[]
  readonly user: {
    readonly username: string
    readonly uid: string
    readonly groups: readonly string[]
    readonly extra: Readonly<Record<string, readonly string[]>>
  }
  /** The API server's own words on a refusal; for operators. */
  readonly error: string | undefined
}

export interface AccessReviewRequest {
  readonly user: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
  readonly namespace: string
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly name: string
}

export interface AccessReviewResult {
  /** False also when the API server says `denied` or reports an evaluation error. */
  readonly isAllowed: boolean
  readonly reason: string
}

/** Answer of the API server that is not a success. `reason` is metav1.Status.reason, such as `NotFound` or `Expired`. */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly status: number
  readonly reason: string
  readonly retryAfterSeconds: number | undefined
  /** Name of the ValidatingAdmissionPolicy that refused. */
  readonly deniedBy: string | undefined

  constructor(
    status: number,
    reason: string,
    message: string,
    { retryAfterSeconds, deniedBy }: { retryAfterSeconds?: number | undefined; deniedBy?: string | undefined } = {},
  ) {
    super(message)
    this.deniedBy = deniedBy
    this.status = status
    this.reason = reason
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/**
 * Calls to one API server. Every method throws {@link KubeError} for an answer that is no success and the transport's
 * error when there is none; reads (`get`, `list`) are retried on 429, 5xx and broken connections, writes only on 429.
 */
export interface KubeClient {
  /** @returns undefined when there is no such object */
  get<T extends KubeObject>(resource: Resource, ref: ObjectRef, signal: AbortSignal): Promise<T | undefined>
  /** All pages; `resourceVersion` is where a watch goes on. */
  list<T extends KubeObject>(
    resource: Resource,
    options: ListOptions,
    signal: AbortSignal,
  ): Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }>
  /** Ends when the server closes the stream; throws {@link KubeError} with reason `Expired` on 410. */
  watch<T extends KubeObject>(
    resource: Resource,
    options: ListOptions & { readonly resourceVersion: string },
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>
  create<T extends KubeObject>(resource: Resource, object: object, signal: AbortSignal): Promise<T>
  /** What `create` would come to (server-side dry run): throws as it would, and writes nothing. */
  wouldCreate(resource: Resource, object: object, signal: AbortSignal): Promise<void>
  patch<T extends KubeObject>(
    resource: Resource,
    ref: ObjectRef,
    body: unknown,
    options: PatchOptions,
    signal: AbortSignal,
  ): Promise<T>
  delete(resource: Resource, ref: ObjectRef & { readonly uid?: string }, signal: AbortSignal): Promise<void>
  tokenReview(token: Secret, audience: string, signal: AbortSignal): Promise<TokenReviewResult>
  subjectAccessReview(request: AccessReviewRequest, signal: AbortSignal): Promise<AccessReviewResult>
  /** GET of a non-resource path that answers JSON, such as `/openid/v1/jwks`; at most 256 KiB. */
  getJson(path: string, signal: AbortSignal): Promise<unknown>
  close(): Promise<void>
}
