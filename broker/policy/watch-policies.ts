import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import { type KubeClient, resources } from '../../core/io/kube/api.ts'
import { createInformer } from '../../core/io/kube/informer.ts'
import { createWorkQueue } from '../../core/io/kube/work-queue.ts'
import { parsePolicy, parseProvider } from './parse-objects.ts'
import type { PolicyStore } from './policy-store.ts'
import { createStatusWriter, policyKey, providerKey } from './status-writer.ts'

interface Deps {
  readonly kube: KubeClient
  readonly log: Logger
  readonly clock: Clock
}

export interface WatchedPolicies extends PolicyStore {
  start(): void
  stop(deadline: AbortSignal): Promise<void>
}

/** Follows policies and providers of one cluster, and writes their condition `Ready`. */
export function watchPolicies({ kube, log, clock }: Deps): WatchedPolicies {
  const policies = createInformer({
    client: kube,
    resource: resources.tokenPolicies,
    parse: parsePolicy,
    onChange: ({ value }) => queue.add(policyKey(value.value)),
    log,
  })
  const providers = createInformer({
    client: kube,
    resource: resources.clusterTokenProviders,
    parse: parseProvider,
    onChange({ value }) {
      queue.add(providerKey(value.value))
      for (const policy of policies.list()) {
        if (policy.value.spec.providerRef.name === value.value.name) queue.add(policyKey(policy.value))
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
  const queue = createWorkQueue({
    // Before both lists are complete a missing provider proves nothing.
    process: async (key, signal) => (isSynced() ? await writeStatus(key, signal) : queue.addAfter(key, 200)),
    log,
    concurrency: 2,
  })

  function isSynced(): boolean {
    return policies.hasSynced() && providers.hasSynced()
  }

  return Object.freeze({
    isSynced,
    policies: (namespace: string) => policies.list(namespace).map(({ value }) => value),
    provider: (name: string) => providers.get({ name })?.value,
    start(): void {
      policies.start()
      providers.start()
    },
    async stop(deadline: AbortSignal): Promise<void> {
      await Promise.all([policies.stop(), providers.stop(), queue.shutDown(deadline)])
    },
  })
}
