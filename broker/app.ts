import type { RequestListener } from 'node:http'
import type { Logger } from 'pino'
import type { AuditJournal } from '../core/audit/event.ts'
import type { Clock } from '../core/clock.ts'
import { createExpiringCache } from '../core/expiring-cache.ts'
import type { TokenReviewResult } from '../core/io/kube/api.ts'
import type { Problem } from '../core/problem.ts'
import { createRateLimit } from '../core/rate-limit.ts'
import { createNameAgents } from './agents.ts'
import { createApprove } from './approvals/approve.ts'
import type { AskedCluster } from './approvals/asked-cluster.ts'
import { authorizeRun } from './approvals/authorize-run.ts'
import { createBudgetedSettle, requireBudget } from './approvals/budgeted.ts'
import { pollIntervalSeconds } from './approvals/pending.ts'
import { createSettle } from './approvals/settle.ts'
import type { AgentBudgets } from './audit/agent-budgets.ts'
import type { GrantBook } from './audit/grant-book.ts'
import { createCallerDoor } from './caller-door.ts'
import type { Cluster } from './cluster.ts'
import type { BrokerConfig } from './config.ts'
import { createProveController } from './controller.ts'
import type { CountRefusal } from './counting.ts'
import { createExchange } from './exchange.ts'
import { createGather } from './gather.ts'
import { createTokenApp } from './http/token-app.ts'
import { createVerifyWorkload } from './identity/verify.ts'
import { createIntrospectionEndpoint } from './introspection.ts'
import { createIssue, providerTraits } from './issue.ts'
import { createIntrospect } from './issuer/introspect.ts'
import type { Issuer } from './issuer/issuer.ts'
import { createRevoke } from './issuer/revoke.ts'
import type { Known } from './known.ts'
import { createLiveRunsEndpoint } from './live-runs.ts'
import type { BrokerMetrics } from './metrics.ts'
import { createObserve } from './observe.ts'
import { entryFor } from './records.ts'
import { createIdentifyRequester } from './requester.ts'
import { createRevocationEndpoint } from './revocation.ts'
import { createRunEndEndpoint } from './run-end.ts'

export interface AppParts {
  readonly config: BrokerConfig
  readonly clusters: readonly Cluster[]
  /** Where people are asked, by the name of the cluster. */
  readonly asked: ReadonlyMap<string, AskedCluster>
  readonly issuer: Issuer
  readonly journal: AuditJournal
  readonly book: GrantBook
  readonly budgets: Pick<AgentBudgets, 'reserve' | 'spent' | 'release'>
  readonly countRefusal: CountRefusal
  readonly metrics: BrokerMetrics
  readonly log: Logger
  readonly clock: Clock
  readonly newId: () => string
}

/** A TokenReview is as old as the API server's own cache of them. In docs/architecture.md#caches */
const reviewCacheMs = 10_000
const maxCachedReviews = 10_000
const maxRateKeys = 20_000
/** Whoever begins to wait, or was woken, may ask a few times in a row. */
const pollBurst = 4

/** Joins the rooms of the broker into its token listener. Nothing here decides anything. */
export function createApp(parts: AppParts): RequestListener {
  const { config, clusters, issuer, journal, book, budgets, clock, log, newId } = parts
  const { controller, limits } = config
  const verify = createVerifyWorkload({
    clusters: new Map(clusters.map(({ trusted }) => [trusted.issuer, trusted])),
    audience: config.issuer,
    clock,
    reviews: createExpiringCache<TokenReviewResult>({ ttlMs: reviewCacheMs, maxEntries: maxCachedReviews, clock }),
  })
  const rate = (perSecond: number, burst: number) => createRateLimit({ perSecond, burst, maxKeys: maxRateKeys, clock })
  const settle = createBudgetedSettle({ settle: createSettle({ book, clock }), reserve: budgets.reserve })
  const approve = createApprove({
    book,
    clusters: parts.asked,
    isWithinPollRate: rate(1 / pollIntervalSeconds, pollBurst),
    clock,
  })
  const onError = (problem: Problem) => {
    if (problem.row.outcome === 'failed') log.error({ err: problem, reason: problem.reason }, 'request failed')
  }

  const kubes = new Map(clusters.map(({ trusted, kube }) => [trusted.name, kube]))
  const proveController = createProveController({ controller, kubes, clock })
  const rates = {
    isWithinPodRate: rate(limits.requestsPerSecondPerPod, limits.burstPerPod),
    isWithinNamespaceRate: rate(limits.requestsPerSecondPerNamespace, limits.burstPerNamespace),
  }
  const unlimited = [...(controller === undefined ? [] : [controller]), ...config.introspection.callers]
  const callerDoor = createCallerDoor({ verify, unlimited, ...rates, count: parts.countRefusal, onError })

  const gather = createGather(new Map(clusters.map(({ trusted, facts }) => [trusted.name, facts])), controller)
  const nameAgents = createNameAgents(config.agents)

  return createTokenApp({
    exchange: createExchange({
      expectedAudience: config.issuer,
      newId,
      clock,
      verify: createIdentifyRequester({ verify, controller, ...rates }),
      proveActor: ({ workload }, peerAddress, signal) => proveController(workload, peerAddress, signal),
      gather: async (...asked) => nameAgents(await gather(...asked)),
      requireBudget: (allowance, { workload }) => requireBudget({ allowance, workload }, budgets.spent),
      approve: (allowance, known, into, signal) =>
        approve(
          {
            allowance,
            into,
            poller: pollerOf(known),
            isPod: known.requester?.kind === 'pod',
            recordRequest: (question) => journal.append(entryFor(known, { kind: 'asked', question }, clock())),
          },
          signal,
        ),
      settle: (exchangeId, allowance, { workload }, into) =>
        settle({
          exchangeId,
          allowance,
          workload,
          into,
          providerMaxSeconds: providerTraits(allowance.provider.spec).maxSeconds,
        }),
      authorize: (allowance, { into }) => authorizeRun(allowance, into, { id: newId(), clock }),
      callsUpstream: (grant) => providerTraits(grant.allowance.provider.spec).callsUpstream,
      release: budgets.release,
      issue: createIssue({ mint: issuer.mint }),
      record: (entry) => journal.append(entry),
      count: parts.countRefusal,
      observe: createObserve({ log, metrics: parts.metrics, clock }),
    }),
    introspect: callerDoor(
      'introspect',
      createIntrospectionEndpoint({
        introspect: createIntrospect({ verifyOwn: issuer.verifyOwn, grants: book, clock }),
        callers: config.introspection.callers,
      }),
    ),
    revoke: callerDoor(
      'revoke',
      createRevocationEndpoint({
        revoke: createRevoke({ verifyOwn: issuer.verifyOwn, grants: book }),
        proveController,
        journal,
        clock,
      }),
    ),
    endRun: callerDoor(
      'runs-end',
      createRunEndEndpoint({
        proveController,
        kubes,
        book,
        journal,
        closed: ({ cluster, ...ref }) => parts.asked.get(cluster)?.approvals.touch(ref),
        clock,
      }),
    ),
    liveRuns: callerDoor('runs-live', createLiveRunsEndpoint({ proveController, book, processId: newId() })),
    count: parts.countRefusal,
    onError,
    requestTimeoutMs: limits.requestTimeoutMs,
  })
}

/** The pod, or the CustomRun, that waits. */
function pollerOf({ requester }: Known): string {
  if (requester?.kind === 'customrun') return requester.reference.uid
  return requester?.workload.pod.uid ?? ''
}
