import type { Logger } from 'pino'
import type { AuditJournal } from '../../core/audit/event.ts'
import type { Clock } from '../../core/clock.ts'
import type { KubeClient } from '../../core/io/kube/api.ts'
import type { GrantBook } from '../audit/grant-book.ts'
import { createDecisionGuard, type DecisionsHeldSince } from './decision-guard.ts'
import { type WatchedApprovals, watchApprovals } from './watch-approvals.ts'

interface Deps {
  /** Name of the cluster. */
  readonly cluster: string
  /** Name of the admission policy, and of its binding, that holds decisions against who makes them. */
  readonly policyName: string
  readonly kube: KubeClient
  readonly book: GrantBook
  readonly journal: AuditJournal
  readonly clock: Clock
  readonly log: Logger
}

/** Where the people of one cluster are asked. */
export interface AskedCluster {
  readonly kube: Pick<KubeClient, 'create'>
  readonly approvals: WatchedApprovals
  readonly heldSince: DecisionsHeldSince
}

export function createAskedCluster(deps: Deps): AskedCluster {
  const heldSince = createDecisionGuard(deps)
  return Object.freeze({ kube: deps.kube, heldSince, approvals: watchApprovals({ ...deps, heldSince }) })
}
