import type { Clock } from '../../core/clock.ts'
import { rfc3339 } from '../../core/clock.ts'
import { type KubeClient, KubeError, type Resource, resources } from '../../core/io/kube/api.ts'
import type { Policy, Provider } from '../../core/policy/allowance.ts'
import { policyReadiness, providerReadiness, type Readiness } from '../../core/policy/readiness.ts'
import type { Watched, WrittenCondition } from './parse-objects.ts'

interface Deps {
  readonly kube: KubeClient
  readonly clock: Clock
  readonly policy: (namespace: string, name: string) => Watched<Policy> | undefined
  readonly provider: (name: string) => Watched<Provider> | undefined
}

/** Writes condition `Ready` of one object, named by its work-queue key, where it differs from what is there. */
export type WriteStatus = (key: string, signal: AbortSignal) => Promise<void>

export function policyKey({ namespace, name }: Policy): string {
  return `policy/${namespace}/${name}`
}

export function providerKey({ name }: Provider): string {
  return `provider/${name}`
}

export function createStatusWriter({ kube, clock, policy, provider }: Deps): WriteStatus {
  async function write(
    resource: Resource,
    ref: { readonly namespace?: string; readonly name: string },
    generation: number,
    wanted: Readiness,
    written: WrittenCondition | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const status = wanted.isReady ? 'True' : 'False'
    const isSame =
      written?.status === status &&
      written.reason === wanted.reason &&
      written.message === wanted.message &&
      written.observedGeneration === generation
    if (isSame) return
    const lastTransitionTime = written?.status === status ? written.lastTransitionTime : rfc3339(clock())
    const { reason, message } = wanted
    const condition = { type: 'Ready', status, observedGeneration: generation, lastTransitionTime, reason, message }
    const body = { status: { observedGeneration: generation, conditions: [condition] } }
    await kube.patch(resource, ref, body, { type: 'merge', subresource: 'status' }, signal).catch(ignoreGone)
  }

  return async function writeStatus(key, signal) {
    const [kind, first = '', second = ''] = key.split('/')
    if (kind === 'provider') {
      const found = provider(first)
      if (found === undefined) return
      const { value, ready } = found
      await write(
        resources.clusterTokenProviders,
        { name: value.name },
        value.generation,
        providerReadiness(value),
        ready,
        signal,
      )
      return
    }
    const found = policy(first, second)
    if (found === undefined) return
    const { value, ready } = found
    const wanted = policyReadiness(value, provider(value.spec.providerRef.name)?.value)
    const ref = { namespace: value.namespace, name: value.name }
    await write(resources.tokenPolicies, ref, value.generation, wanted, ready, signal)
  }
}

/** Deleted between the watch and the write. */
function ignoreGone(error: unknown): void {
  if (!(error instanceof KubeError && error.status === 404)) throw error
}
