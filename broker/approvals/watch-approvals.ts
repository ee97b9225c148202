import type { Logger } from 'pino'
import type { AuditJournal } from '../../core/audit/event.ts'
import type { Clock } from '../../core/clock.ts'
import { runKey } from '../../core/identity/run.ts'
import { type KubeClient, KubeError, resources } from '../../core/io/kube/api.ts'
import { createInformer } from '../../core/io/kube/informer.ts'
import { isRefusal, isUnknownKind } from '../../core/io/kube/refusal.ts'
import { createWorkQueue } from '../../core/io/kube/work-queue.ts'
import { judgeDecisions } from '../../core/policy/approval-decisions.ts'
import type { ApprovalFate, GrantBook } from '../audit/grant-book.ts'
import type { DecisionsHeldSince } from './decision-guard.ts'
import { approvalName } from './question.ts'
import { parseApproval, type SeenApproval } from './seen-approval.ts'
import { decidedCondition } from './show-approval.ts'
import { verdictEntry } from './verdict-entry.ts'

interface Deps {
  /** Name of the cluster. */
  readonly cluster: string
  readonly kube: KubeClient
  readonly book: Pick<GrantBook, 'approval' | 'isRunEnded'>
  readonly journal: AuditJournal
  readonly heldSince: DecisionsHeldSince
  readonly clock: Clock
  readonly log: Logger
}

/** The TokenApprovals of one cluster, as last seen by watch, and what was recorded of each. */
export interface WatchedApprovals {
  /** False until the first complete list. */
  isSynced(): boolean
  get(ref: { readonly namespace: string; readonly name: string }): SeenApproval | undefined
  /**
   * Records what people said, or that they did not in time, where that is so and is not recorded yet.
   *
   * @returns what is recorded of the question; undefined for one that was never asked
   * @throws Problem `audit_unavailable`, `kubernetes_unavailable`
   */
  settle(name: string, seen: SeenApproval | undefined, signal: AbortSignal): Promise<ApprovalFate | undefined>
  /** Looks at it again, where something else than the object changed. */
  touch(ref: { readonly namespace: string; readonly name: string }): void
  /** Lists and watches that the API server refuses the broker at present. */
  refusals(): readonly string[]
  /** `tokenapprovals` while the API server does not serve them. */
  unknownKinds(): readonly string[]
  start(): void
  stop(deadline: AbortSignal): Promise<void>
}

/**
 * Follows TokenApprovals, records decisions and expiries, and shows both in the status. What counts is what is recorded:
 * status and object may be lost or forged, and a verdict that is recorded stays.
 */
export function watchApprovals(deps: Deps): WatchedApprovals {
  const { kube, book, journal, clock, log } = deps
  const settling = new Map<string, Promise<void>>()
  const approvals = createInformer({
    client: kube,
    resource: resources.tokenApprovals,
    parse: parseApproval,
    onChange: ({ kind, value }) => {
      if (kind !== 'deleted') queue.add(keyOf(value))
    },
    log,
  })
  const queue = createWorkQueue({ process: keep, log, concurrency: 4 })

  async function keep(key: string, signal: AbortSignal): Promise<void> {
    const [namespace = '', name = ''] = key.split('/')
    const seen = approvals.get({ namespace, name })
    if (seen === undefined) return
    const fate = await settle(name, seen, signal)
    await show(seen, fate, signal)
    if (fate?.verdict === 'open') queue.addAfter(key, Math.max(1, fate.askedUntil.getTime() - clock().getTime()))
  }

  async function settle(
    name: string,
    seen: SeenApproval | undefined,
    signal: AbortSignal,
  ): Promise<ApprovalFate | undefined> {
    // One at a time for each question, so that it is recorded once.
    await settling.get(name)?.catch(() => undefined)
    const fate = book.approval(name)
    if (fate?.verdict !== 'open') return fate
    const work = record(fate, seen, signal).finally(() => settling.delete(name))
    settling.set(name, work)
    await work
    return book.approval(name)
  }

  async function record(fate: ApprovalFate, seen: SeenApproval | undefined, signal: AbortSignal): Promise<void> {
    const now = clock()
    if (now >= fate.askedUntil) {
      await journal.append(verdictEntry(fate, 'expired', now, seen))
      return
    }
    const state = seen !== undefined && isOf(fate, seen) ? judgeDecisions(seen.spec) : undefined
    if (seen === undefined || state === undefined || state.kind === 'open') return
    if (await isHeld(seen, signal)) await journal.append(verdictEntry(fate, state.kind, now, seen))
  }

  /** Whether each entry was held against who wrote it. */
  async function isHeld({ namespace, createdAt }: SeenApproval, signal: AbortSignal): Promise<boolean> {
    const since = await deps.heldSince(namespace, signal)
    return since !== undefined && since <= createdAt
  }

  async function show(seen: SeenApproval, fate: ApprovalFate | undefined, signal: AbortSignal): Promise<void> {
    const verdict = fate?.verdict ?? (hasRunEnded(seen) && seen.shown?.status !== 'True' ? 'closed' : undefined)
    if (verdict === undefined) return
    const isDecided = verdict === 'open' && judgeDecisions(seen.spec).kind !== 'open'
    const condition = decidedCondition(seen, verdict, { isHeld: !isDecided, now: clock() })
    const { shown, namespace, name, resourceVersion, generation } = seen
    if (shown?.reason === condition.reason && shown.message === condition.message) return
    const body = {
      metadata: { resourceVersion },
      status: { observedGeneration: generation, conditions: [{ ...condition, observedGeneration: generation }] },
    }
    const patch = kube.patch(
      resources.tokenApprovals,
      { namespace, name },
      body,
      { type: 'merge', subresource: 'status' },
      signal,
    )
    await patch.catch(ignoreOutdated)
  }

  function hasRunEnded({ namespace, spec }: SeenApproval): boolean {
    return book.isRunEnded(runKey({ cluster: deps.cluster, namespace }, spec.request.run))
  }

  return Object.freeze({
    isSynced: approvals.hasSynced,
    get: approvals.get,
    settle,
    touch: (ref: { readonly namespace: string; readonly name: string }) => queue.add(keyOf(ref)),
    unknownKinds: () => (isUnknownKind(approvals.failure()) ? ['tokenapprovals'] : []),
    refusals(): readonly string[] {
      const failure = approvals.failure()
      return isRefusal(failure) ? [`watching tokenapprovals (${failure.status})`] : []
    },
    start: approvals.start,
    async stop(deadline: AbortSignal): Promise<void> {
      await Promise.all([approvals.stop(), queue.shutDown(deadline)])
    },
  })
}

/** Whether the object asks what was recorded as asked; its name is made from that. */
function isOf(fate: ApprovalFate, { name, spec }: SeenApproval): boolean {
  const { policy, digest } = spec.request
  return fate.digest === digest && name === approvalName(policy.name, digest, spec.requirements)
}

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`
}

/** Deleted or changed between the watch and the write: that, too, comes by watch. */
function ignoreOutdated(error: unknown): void {
  if (!(error instanceof KubeError && (error.status === 404 || error.status === 409))) throw error
}
