import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import { type KubeClient, resources } from '../../core/io/kube/api.ts'
import { createInformer, type Informer } from '../../core/io/kube/informer.ts'
import { isRefusal } from '../../core/io/kube/refusal.ts'
import { createWorkQueue } from '../../core/io/kube/work-queue.ts'
import type { Policy } from '../../core/policy/allowance.ts'
import { parsePolicy, parseProvider } from './parse-objects.ts'
import type { PolicyStore } from './policy-store.ts'
import { createStatusWriter, policyKey, providerKey } from './status-writer.ts'

interface Deps {
  readonly kube: KubeClient
  readonly log: Logger
  readonly clock: Clock
}

export interface WatchedPolicies extends PolicyStore {
  /** Lists and watches that the API server refuses the broker at present, by resource and status. */
  refusals(): readonly string[]
  start(): void
  stop(deadline: AbortSignal): Promise<void>
}

/** Follows policies and providers of one cluster, and writes their condition `Ready`. */
export function watchPolicies({ kube, log, clock }: Deps): WatchedPolicies {
  const stopping = new AbortController()
  let isJudging = false
  /** Lists that were asked for, each until a policy of its namespace changes: every exchange asks for one. */
  const ofNamespace = new Map<string, readonly Policy[]>()
  const policies = createInformer({
    client: kube,
    resource: resources.tokenPolicies,
    parse: parsePolicy,
    onChange({ value: { value } }) {
      ofNamespace.delete(value.namespace)
      judge(policyKey(value))
    },
    log,
  })
  const providers = createInformer({
    client: kube,
    resource: resources.clusterTokenProviders,
    parse: parseProvider,
    onChange(change) {
      const { value } = change.value
      judge(providerKey(value))
      // Its own condition, which was just written, is nothing to its policies.
      if (change.kind === 'updated' && change.previous.value.generation === value.generation) return
      for (const policy of policies.list()) {
        if (policy.value.spec.providerRef.name === value.name) judge(policyKey(policy.value))
      }
    },
    log,
  })
  const writeStatus = createStatusWriter({
    kube,
    clock,
    policy: (namespace, name) => policies.get({ namespace, name }),
    provider: (name) => providers.get({ name }),
  })
  const queue = createWorkQueue({ process: writeStatus, log, concurrency: 2 })

  function judge(key: string): void {
    if (isJudging) queue.add(key)
  }

  /** Before both lists are complete a missing provider proves nothing. */
  async function judgeWhenSynced(): Promise<void> {
    const { signal } = stopping
    await Promise.all([policies.synced(signal), providers.synced(signal)])
    isJudging = true
    for (const { value } of providers.list()) judge(providerKey(value))
    for (const { value } of policies.list()) judge(policyKey(value))
  }

  function policiesOf(namespace: string): readonly Policy[] {
    const known = ofNamespace.get(namespace) ?? policies.list(namespace).map(({ value }) => value)
    ofNamespace.set(namespace, known)
    return known
  }

  return Object.freeze({
    isSynced: () => policies.hasSynced() && providers.hasSynced(),
    policies: policiesOf,
    provider: (name: string) => providers.get({ name })?.value,
    refusals: () => [...refusalOf(policies, 'tokenpolicies'), ...refusalOf(providers, 'clustertokenproviders')],
    start(): void {
      policies.start()
      providers.start()
      // Rejects only when everything stops.
      judgeWhenSynced().catch(() => undefined)
    },
    async stop(deadline: AbortSignal): Promise<void> {
      stopping.abort()
      await Promise.all([policies.stop(), providers.stop(), queue.shutDown(deadline)])
    },
  })
}

function refusalOf(informer: Pick<Informer<unknown>, 'failure'>, resource: string): readonly string[] {
  const failure = informer.failure()
  return isRefusal(failure) ? [`watching ${resource} (${failure.status})`] : []
}
