import type { Clock } from '../../core/clock.ts'
import { rfc3339 } from '../../core/clock.ts'
import { type KubeClient, KubeError, type ObjectRef, type Resource, resources } from '../../core/io/kube/api.ts'
import type { Policy, PolicySubject, Provider } from '../../core/policy/allowance.ts'
import { policyReadiness, providerReadiness, type Readiness } from '../../core/policy/readiness.ts'
import type { Watched } from './parse-objects.ts'

interface Deps {
  readonly kube: KubeClient
  readonly clock: Clock
  /** A ClusterTokenPolicy has no namespace: there it is empty. */
  readonly policy: (namespace: string, name: string) => Watched<Policy> | undefined
  readonly provider: (name: string) => Watched<Provider> | undefined
  readonly namespaceLabels: (namespace: string) => PolicySubject['namespaceLabels']
}

/** Writes condition `Ready` of one object, named by its work-queue key, where it differs from what is there. */
export type WriteStatus = (key: string, signal: AbortSignal) => Promise<void>

export function policyKey({ namespace, name }: Policy): string {
  return `policy/${namespace}/${name}`
}

export function providerKey({ name }: Provider): string {
  return `provider/${name}`
}

/** What the CRDs admit in a condition. */
const maxMessageLength = 1024

export function createStatusWriter({ kube, clock, policy, provider, namespaceLabels }: Deps): WriteStatus {
  async function write(
    { resource, ref }: Target,
    { value, resourceVersion, ready }: Watched<Policy | Provider>,
    { isReady, reason, message: text }: Readiness,
    signal: AbortSignal,
  ): Promise<void> {
    const status = isReady ? 'True' : 'False'
    const message = text.length > maxMessageLength ? `${text.slice(0, maxMessageLength - 1)}…` : text
    const observedGeneration = value.generation
    const isSame =
      ready?.status === status &&
      ready.reason === reason &&
      ready.message === message &&
      ready.observedGeneration === observedGeneration
    if (isSame) return
    const lastTransitionTime = ready?.status === status ? ready.lastTransitionTime : rfc3339(clock())
    const condition = { type: 'Ready', status, observedGeneration, lastTransitionTime, reason, message }
    const body = { metadata: { resourceVersion }, status: { observedGeneration, conditions: [condition] } }
    await kube.patch(resource, ref, body, { type: 'merge', subresource: 'status' }, signal).catch(ignoreOutdated)
  }

  return async function writeStatus(key, signal) {
    const [kind, first = '', second = ''] = key.split('/')
    if (kind === 'provider') {
      const found = provider(first)
      const target = { resource: resources.clusterTokenProviders, ref: { name: first } }
      if (found !== undefined) await write(target, found, providerReadiness(found.value), signal)
      return
    }
    const found = policy(first, second)
    if (found === undefined) return
    const { value } = found
    const from = provider(value.spec.providerRef.name)?.value
    await write(policyTarget(first, second), found, policyReadiness(value, from, namespaceLabels(first)), signal)
  }
}

function policyTarget(namespace: string, name: string): Target {
  return namespace === ''
    ? { resource: resources.clusterTokenPolicies, ref: { name } }
    : { resource: resources.tokenPolicies, ref: { namespace, name } }
}

interface Target {
  readonly resource: Resource
  readonly ref: ObjectRef
}

/** Deleted or changed between the watch and the write: that, too, comes by watch, and asks again. */
function ignoreOutdated(error: unknown): void {
  if (!(error instanceof KubeError && (error.status === 404 || error.status === 409))) throw error
}
