import { createHash } from 'node:crypto'
import { z } from 'zod'
import { canonicalJson } from '../../core/audit/canonical-json.ts'
import { clusterTokenPolicySpec } from '../../core/crd/cluster-token-policy.ts'
import { type ClusterTokenProviderSpec, clusterTokenProviderSpec } from '../../core/crd/cluster-token-provider.ts'
import type { NamespaceSelector } from '../../core/crd/namespace-selector.ts'
import { tokenPolicySpec } from '../../core/crd/token-policy.ts'
import { compileValidations } from '../../core/io/cel/compile-validations.ts'
import type { KubeObject } from '../../core/io/kube/api.ts'
import { accessMarks } from '../../core/policy/access-marks.ts'
import type { AccessObject } from '../../core/policy/access-object.ts'
import type { Policy, Provider } from '../../core/policy/allowance.ts'
import type { ProviderLifetime } from '../../core/policy/lifetime.ts'

const conditions = z.object({
  conditions: z
    .array(
      z.object({
        type: z.string(),
        status: z.string(),
        reason: z.string(),
        message: z.string(),
        observedGeneration: z.number().optional(),
        lastTransitionTime: z.string(),
      }),
    )
    .optional(),
})

export type WrittenCondition = NonNullable<z.output<typeof conditions>['conditions']>[number]

/** An object of ours with the condition that was last written to it. */
export interface Watched<T> {
  readonly value: T
  readonly resourceVersion: string
  readonly ready: WrittenCondition | undefined
  /** What the audit stream follows of it. */
  readonly access: AccessObject
}

/** @throws ZodError for an object that no admission would let in today: it then counts as absent */
export function parsePolicy(object: KubeObject): Watched<Policy> {
  const { name, namespace = '', uid, generation = 1, resourceVersion } = object.metadata
  const spec = tokenPolicySpec.parse(object.spec)
  const value: Policy = {
    kind: 'TokenPolicy',
    name,
    namespace,
    uid,
    generation,
    digest: specDigest(object),
    spec,
    validations: compileValidations(spec.validations),
  }
  const isSuspended = spec.suspend
  const access = accessOf(object, { kind: value.kind, provider: spec.providerRef.name, isSuspended })
  return { value, resourceVersion, ready: readyCondition(object), access }
}

/** A policy for many namespaces; `namespace` is empty until one is chosen. */
export interface SelectingPolicy extends Policy {
  readonly namespaceSelector: NamespaceSelector | undefined
}

/** @throws ZodError as {@link parsePolicy} */
export function parseClusterPolicy(object: KubeObject): Watched<SelectingPolicy> {
  const { name, uid, generation = 1, resourceVersion } = object.metadata
  const { namespaceSelector, ...spec } = clusterTokenPolicySpec.parse(object.spec)
  const validations = compileValidations(spec.validations)
  const value: SelectingPolicy = {
    kind: 'ClusterTokenPolicy',
    name,
    namespace: '',
    uid,
    generation,
    digest: specDigest(object),
    spec,
    validations,
    namespaceSelector,
  }
  const isSuspended = spec.suspend
  const access = accessOf(object, { kind: value.kind, provider: spec.providerRef.name, isSuspended })
  return { value, resourceVersion, ready: readyCondition(object), access }
}

/** What selectors look at. */
export interface Namespace {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

export function parseNamespace({ metadata: { name, labels = {} } }: KubeObject): Namespace {
  return { name, labels }
}

/** What the kind of issuer that a spec names can do. */
export type LifetimeOf = (spec: ClusterTokenProviderSpec) => ProviderLifetime

/** @throws ZodError as {@link parsePolicy}, and what `lifetimeOf` throws for a kind that this broker does not have */
export function parseProvider(object: KubeObject, lifetimeOf: LifetimeOf): Watched<Provider> {
  const { name, uid, generation = 1, resourceVersion } = object.metadata
  const spec = clusterTokenProviderSpec.parse(object.spec)
  const value = { name, uid, generation, spec, lifetime: lifetimeOf(spec) }
  const isSuspended = value.spec.suspend
  const access = accessOf(object, { kind: 'ClusterTokenProvider', provider: name, isSuspended })
  return { value, resourceVersion, ready: readyCondition(object), access }
}

function accessOf(object: KubeObject, said: Pick<AccessObject, 'kind' | 'provider' | 'isSuspended'>): AccessObject {
  const { name, namespace = '*', uid, generation = 1 } = object.metadata
  return { ...said, namespace, name, uid, generation, digest: specDigest(object), marks: accessMarks(object.metadata) }
}

/** Of the spec as the API server has it, so that anybody can compare it. */
function specDigest({ spec }: KubeObject): string {
  return createHash('sha256').update(canonicalJson(spec)).digest('hex')
}

function readyCondition({ status }: KubeObject): WrittenCondition | undefined {
  return conditions.safeParse(status ?? {}).data?.conditions?.find((condition) => condition.type === 'Ready')
}
