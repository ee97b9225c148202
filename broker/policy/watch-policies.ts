import type { Logger } from 'pino'
import type { Clock } from '../../core/clock.ts'
import { type KubeClient, resources } from '../../core/io/kube/api.ts'
import { createInformer, type Informer } from '../../core/io/kube/informer.ts'
import { isRefusal, isUnknownKind } from '../../core/io/kube/refusal.ts'
import { createWorkQueue } from '../../core/io/kube/work-queue.ts'
import type { AccessObject } from '../../core/policy/access-object.ts'
import type { Policy } from '../../core/policy/allowance.ts'
import { createNamespacePolicies } from './namespace-policies.ts'
import { followOwnPolicies } from './own-policies.ts'
import { type LifetimeOf, type Namespace, parseClusterPolicy, parseNamespace, parseProvider } from './parse-objects.ts'
import type { PolicyStore } from './policy-store.ts'
import { createStatusWriter, policyKey, providerKey } from './status-writer.ts'

interface Deps {
  readonly kube: KubeClient
  readonly log: Logger
  readonly clock: Clock
  readonly lifetimeOf: LifetimeOf
  /** Told of every object that comes, changes or goes. */
  readonly onAccess?: (kind: 'put' | 'remove', object: AccessObject) => void
}

export interface WatchedPolicies extends PolicyStore {
  /** Lists and watches that the API server refuses the broker at present, by resource and status. */
  refusals(): readonly string[]
  /** Kinds that the API server does not serve at present. */
  unknownKinds(): readonly string[]
  /** Resolves when everything has been listed. @throws the signal's reason */
  synced(signal: AbortSignal): Promise<void>
  start(): void
  stop(deadline: AbortSignal): Promise<void>
}

/** Follows policies, providers and namespaces of one cluster, and writes condition `Ready` of the first two. */
export function watchPolicies({ kube, log, clock, lifetimeOf, onAccess }: Deps): WatchedPolicies {
  const stopping = new AbortController()
  let isJudging = false
  const policies = followOwnPolicies({
    kube,
    log,
    onAccess: (kind, access) => onAccess?.(kind, access),
    onChange(namespace, policy) {
      merged.forget(namespace)
      if (policy !== undefined) judge(policyKey(policy))
    },
  })
  const clusterPolicies = createInformer({
    client: kube,
    resource: resources.clusterTokenPolicies,
    parse: parseClusterPolicy,
    onChange({ kind, value: { value, access } }) {
      onAccess?.(kind === 'deleted' ? 'remove' : 'put', access)
      merged.forget()
      judge(policyKey(value))
    },
    log,
  })
  const providers = createInformer({
    client: kube,
    resource: resources.clusterTokenProviders,
    parse: (object) => parseProvider(object, lifetimeOf),
    onChange(change) {
      const { value, access } = change.value
      onAccess?.(change.kind === 'deleted' ? 'remove' : 'put', access)
      judge(providerKey(value))
      // Its own condition, which was just written, is nothing to its policies.
      if (change.kind === 'updated' && change.previous.value.generation === value.generation) return
      judgeAll(({ spec }) => spec.providerRef.name === value.name)
    },
    log,
  })
  const namespaces = createInformer({
    client: kube,
    resource: resources.namespaces,
    parse: parseNamespace,
    onChange(change) {
      const { name } = change.value
      if (change.kind === 'updated' && isSameLabels(change.previous, change.value)) return
      merged.forget(name)
      for (const policy of policies.list(name)) judge(policyKey(policy))
    },
    log,
  })
  const informers: readonly (readonly [string, Informer<unknown>])[] = [
    ['tokenpolicies', policies.informer],
    ['clustertokenpolicies', clusterPolicies],
    ['clustertokenproviders', providers],
    ['namespaces', namespaces],
  ]
  const namespaceLabels = (name: string) => namespaces.get({ name })?.labels
  const merged = createNamespacePolicies({
    own: policies.list,
    ownNames: policies.names,
    selecting: () => clusterPolicies.list().map(({ value }) => value),
    labels: namespaceLabels,
  })
  const writeStatus = createStatusWriter({
    kube,
    clock,
    policy: (namespace, name) => (namespace === '' ? clusterPolicies.get({ name }) : policies.get({ namespace, name })),
    provider: (name) => providers.get({ name }),
    namespaceLabels,
  })
  const queue = createWorkQueue({ process: writeStatus, log, concurrency: 2 })

  function judge(key: string): void {
    if (isJudging) queue.add(key)
  }

  function judgeAll(isMeant: (policy: Policy) => boolean): void {
    for (const policy of [...policies.list(), ...clusterPolicies.list().map(({ value }) => value)]) {
      if (isMeant(policy)) judge(policyKey(policy))
    }
  }

  async function synced(signal: AbortSignal): Promise<void> {
    await Promise.all(informers.map(([, informer]) => informer.synced(signal)))
  }

  /** Before all lists are complete a missing provider proves nothing. */
  async function judgeWhenSynced(): Promise<void> {
    await synced(stopping.signal)
    isJudging = true
    for (const { value } of providers.list()) judge(providerKey(value))
    judgeAll(() => true)
  }

  return Object.freeze({
    isSynced: () => informers.every(([, informer]) => informer.hasSynced()),
    synced,
    policies: (namespace: string) => merged.policies(namespace),
    provider: (name: string) => providers.get({ name })?.value,
    namespaceLabels,
    unknownKinds: () => informers.flatMap(([kind, informer]) => (isUnknownKind(informer.failure()) ? [kind] : [])),
    refusals: () => informers.flatMap(([resource, informer]) => refusalOf(informer, resource)),
    start(): void {
      for (const [, informer] of informers) informer.start()
      // Rejects only when everything stops.
      judgeWhenSynced().catch(() => undefined)
    },
    async stop(deadline: AbortSignal): Promise<void> {
      stopping.abort()
      await Promise.all([...informers.map(([, informer]) => informer.stop()), queue.shutDown(deadline)])
    },
  })
}

function isSameLabels(a: Namespace, b: Namespace): boolean {
  const [one, other] = [a.labels, b.labels]
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key])
}

function refusalOf(informer: Pick<Informer<unknown>, 'failure'>, resource: string): readonly string[] {
  const failure = informer.failure()
  return isRefusal(failure) ? [`watching ${resource} (${failure.status})`] : []
}
