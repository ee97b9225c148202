import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import type { KubeClient } from '../../core/io/kube/api.ts'
import { isRefusal } from '../../core/io/kube/refusal.ts'
import type { AccessObject } from '../../core/policy/access-object.ts'
import type { LifetimeOf } from './parse-objects.ts'
import { watchAccounts } from './watch-accounts.ts'
import { type WatchedPolicies, watchPolicies } from './watch-policies.ts'

interface Deps {
  readonly kube: KubeClient
  readonly log: Logger
  readonly clock: Clock
  readonly lifetimeOf: LifetimeOf
}

/** Who wants to know of every policy, provider and marked ServiceAccount. */
export interface AccessListener {
  put(object: AccessObject): void
  remove(object: AccessObject): void
  /** Everything that there is was put. */
  synced(): void
}

export interface WatchedAccess extends WatchedPolicies {
  isAccountSuspended(namespace: string, serviceAccount: string): boolean
  /** To be called before `start`. */
  follow(listener: AccessListener): void
}

/** Follows all that says who gets tokens in one cluster: policies, providers, and ServiceAccounts that a person marked. */
export function watchAccess({ kube, log, clock, lifetimeOf }: Deps): WatchedAccess {
  const listeners: AccessListener[] = []
  const tell = (kind: 'put' | 'remove', object: AccessObject) => {
    for (const listener of listeners) listener[kind](object)
  }
  const policies = watchPolicies({ kube, log, clock, lifetimeOf, onAccess: tell })
  const accounts = watchAccounts({
    kube,
    log,
    onPut: (object) => tell('put', object),
    onRemove: (object) => tell('remove', object),
  })
  const stopping = new AbortController()

  async function tellWhenSynced(): Promise<void> {
    await Promise.all([policies.synced(stopping.signal), accounts.synced(stopping.signal)])
    for (const listener of listeners) listener.synced()
  }

  return Object.freeze({
    ...policies,
    isSynced: () => policies.isSynced() && accounts.hasSynced(),
    isAccountSuspended: (namespace: string, name: string) => accounts.get({ namespace, name })?.isSuspended ?? false,
    follow: (listener: AccessListener) => void listeners.push(listener),
    refusals: () => [...policies.refusals(), ...refusalOf(accounts.failure())],
    start() {
      policies.start()
      accounts.start()
      // Rejects only when everything stops.
      tellWhenSynced().catch(() => undefined)
    },
    async stop(deadline: AbortSignal) {
      stopping.abort()
      await Promise.all([policies.stop(deadline), accounts.stop()])
    },
  })
}

function refusalOf(failure: unknown): readonly string[] {
  return isRefusal(failure) ? [`watching serviceaccounts (${failure.status})`] : []
}
