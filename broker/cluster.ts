import type { Logger } from 'pino'
import type { Clock } from '../core/clock.ts'
import { createExpiringCache } from '../core/expiring-cache.ts'
import { type Run, runObject, type VerifiedEvent } from '../core/identity/run.ts'
import type { WorkloadClaims } from '../core/identity/workload.ts'
import { createSharedDeadline } from '../core/io/deadline.ts'
import type { AccessReviewResult, KubeClient } from '../core/io/kube/api.ts'
import type { BrokerConfig } from './config.ts'
import type { ClusterFacts } from './gather.ts'
import { type AdmissionGuard, noAdmissionGuard } from './identity/admission-guard.ts'
import { createClusterKeys } from './identity/cluster-keys.ts'
import { concludeRun, mayHaveEvent } from './identity/conclude-run.ts'
import { requirePodAddress } from './identity/peer-address.ts'
import type { TrustedCluster } from './identity/verify.ts'
import { walkCustomRun } from './identity/walk-custom-run.ts'
import { walkPod } from './identity/walk-pod.ts'
import type { Walked } from './identity/walked.ts'
import { type EventRegister, noEvents } from './interceptor/event-register.ts'
import { providerTraits } from './issue.ts'
import { createAskScopeAccess } from './policy/scope-access.ts'
import { type WatchedAccess, watchAccess } from './policy/watch-access.ts'
import { listenForRefusals } from './refusals.ts'

type ClusterConfig = BrokerConfig['clusters'][number]

interface Deps {
  readonly config: ClusterConfig
  /** Of its ServiceAccount tokens: what the configuration says, or else its API server. */
  readonly issuer: string
  readonly kube: KubeClient
  /** What the walk asks for the event of a run. Default: no event is verified. */
  readonly events?: EventRegister
  readonly clock: Clock
  readonly log: Logger
  /** Default: no admission policies, so that nothing is `verified`. */
  readonly guard?: AdmissionGuard
}

/** All that the broker knows and asks of one cluster. */
export interface Cluster {
  /** Calls that the API server refuses the broker itself; empty where its RBAC is in place. */
  refusals(): readonly string[]
  readonly trusted: TrustedCluster
  readonly facts: ClusterFacts
  readonly policies: WatchedAccess
  readonly kube: KubeClient
}

/** How long an answer of the API server is taken for the present. In docs/architecture.md#caches */
const cacheMs = { walk: 5000, access: 5000 } as const
const walkTimeoutMs = 5000

export function createCluster(deps: Deps): Cluster {
  const { config, issuer, kube: client, clock, log, guard = noAdmissionGuard, events = noEvents } = deps
  const { kube, recent } = listenForRefusals(client, clock)
  const policies = watchAccess({ kube, clock, log, lifetimeOf: (spec) => providerTraits(spec).lifetime })
  const walkDeadline = createSharedDeadline(walkTimeoutMs)
  const walks = createExpiringCache<Walked>({ ttlMs: cacheMs.walk, maxEntries: 10_000, clock })
  const access = createExpiringCache<AccessReviewResult>({ ttlMs: cacheMs.access, maxEntries: 10_000, clock })
  const conclude = (walked: Walked, namespace: string, peerAddress?: string): Run => {
    const event = eventOf(walked, { cluster: config.name, namespace }, events)
    return concludeRun(walked, { namespace, guard, event, peerAddress })
  }
  const cluster: Cluster = {
    kube,
    policies,
    refusals: () => [...policies.refusals(), ...recent()],
    trusted: {
      name: config.name,
      issuer,
      keys: createClusterKeys({ fetchJwks: (signal) => kube.getJson('/openid/v1/jwks', signal), clock }),
      kube,
      maxTokenLifetimeSeconds: config.maxTokenLifetimeSeconds ?? (config.revocationCheck === 'none' ? 600 : 3600),
      revocationCheck: config.revocationCheck,
    },
    facts: {
      policies,
      askScopeAccess: createAskScopeAccess(kube, access),
      walkPod: async (workload, peerAddress) => {
        const walked = await walks.get(
          walkedBy(workload),
          // A shared answer has its own deadline, not that of the caller who happened to ask first.
          () => walkPod(workload, kube, walkDeadline()),
          isComplete,
        )
        if (config.peerAddress === 'enforce') requirePodAddress(walked.addresses, peerAddress)
        return conclude(walked, workload.namespace, peerAddress)
      },
      walkCustomRun: async (reference, signal) => {
        const { walked, ...facts } = await walkCustomRun(reference, kube, signal)
        return { ...facts, run: conclude(walked, reference.namespace) }
      },
    },
  }
  return Object.freeze(cluster)
}

/** All of a workload that the walk compares: an answer for one token must not stand for another. */
function walkedBy({ namespace, pod, serviceAccount, node }: WorkloadClaims): string {
  return `${namespace} ${pod.name} ${pod.uid} ${serviceAccount.name} ${node?.name}`
}

/**
 * A pod without a run is asked about again: Tekton writes the far end of a link a moment after the near one. So is a pod
 * without an address: the kubelet writes it a moment after the start.
 */
function isComplete({ run, addresses }: Walked): boolean {
  return runObject(run) !== undefined && !run.hasEnded && addresses.length > 0
}

/** Only a run that an event can have made asks for one: the first to ask for an event keeps it. */
function eventOf(
  walked: Walked,
  { cluster, namespace }: { readonly cluster: string; readonly namespace: string },
  events: EventRegister,
): VerifiedEvent | undefined {
  const run = runObject(walked.run)
  const createdAt = walked.objects.at(-1)?.createdAt
  const { trigger } = walked.run
  if (run === undefined || createdAt === undefined || trigger === undefined || !mayHaveEvent(walked)) return undefined
  const { eventId, ...labels } = trigger
  return events.claim(eventId, { cluster, namespace, uid: run.uid, createdAt, ...labels })
}
