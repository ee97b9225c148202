import type { Logger } from 'pino'
import { changedAt } from '../../core/admission/changed-at.ts'
import type { InstalledObject } from '../../core/admission/judge.ts'
import { verifiedLabel, verifiedNamespaces } from '../../core/admission/verified-namespaces.ts'
import type { Clock } from '../../core/clock.ts'
import { type KubeClient, type KubeObject, resources } from '../../core/io/kube/api.ts'
import { createInformer, type Informer } from '../../core/io/kube/informer.ts'
import { isRefusal } from '../../core/io/kube/refusal.ts'

interface Deps {
  readonly kube: Pick<KubeClient, 'list' | 'watch'>
  readonly clock: Clock
  readonly log: Logger
  /** A policy or a binding came, went or changed. */
  readonly onChange: () => void
}

/** Policies, bindings and labelled namespaces as last seen. */
export interface WatchedAdmission {
  policy(name: string): InstalledObject | undefined
  binding(name: string): InstalledObject | undefined
  /** When the namespace got its label; undefined where it has none, or where nothing says when. */
  labelledAt(namespace: string): Date | undefined
  hasLabel(namespace: string): boolean
  /** Why what is seen here may not be the present; empty where it is. */
  doubt(): string
  start(): void
  stop(): Promise<void>
}

/** API servers send a bookmark a minute at least; an informer begins a silent watch anew after 90 s. */
const oldestMs = 150_000

/** Of our own name only: a cluster may have hundreds of other policies. Whoever takes the label away makes them missing. */
const labelSelector = 'app.kubernetes.io/part-of=tokenbroker'

const plurals = ['validatingadmissionpolicies', 'validatingadmissionpolicybindings', 'namespaces'] as const

export function watchAdmission({ kube, clock, log, onChange }: Deps): WatchedAdmission {
  const list = { labelSelector, keepsManagedFields: true }
  const policies = createInformer<KubeObject>({
    client: kube,
    resource: resources.validatingAdmissionPolicies,
    list,
    onChange,
    clock,
    log,
  })
  const bindings = createInformer<KubeObject>({
    client: kube,
    resource: resources.validatingAdmissionPolicyBindings,
    list,
    onChange,
    clock,
    log,
  })
  const selected = Object.entries(verifiedNamespaces).map(([key, value]) => `${key}=${value}`)
  const namespaces = createInformer({
    client: kube,
    resource: resources.namespaces,
    list: { labelSelector: selected.join(','), keepsManagedFields: true },
    parse: ({ metadata }) => ({ at: changedAt(metadata, ['f:metadata', 'f:labels', `f:${verifiedLabel}`]) }),
    clock,
    log,
  })
  const all: readonly Informer<unknown>[] = [policies, bindings, namespaces]

  return Object.freeze({
    policy: (name: string) => policies.get({ name }),
    binding: (name: string) => bindings.get({ name }),
    labelledAt: (namespace: string) => namespaces.get({ name: namespace })?.at,
    hasLabel: (namespace: string) => namespaces.get({ name: namespace }) !== undefined,
    doubt() {
      const refused = all.findIndex((one) => isRefusal(one.failure()))
      if (refused >= 0) return `the broker needs list and watch on ${plurals[refused]}: apply charts/rbac/broker.yaml`
      if (!all.every((one) => one.hasSynced())) return 'the policies have not been listed yet'
      const now = clock().getTime()
      const isOld = all.some((one) => now - (one.heardAt()?.getTime() ?? 0) > oldestMs)
      return isOld ? 'the API server has said nothing about the policies for a while' : ''
    },
    start() {
      for (const one of all) one.start()
    },
    async stop() {
      await Promise.all(all.map((one) => one.stop()))
    },
  })
}
