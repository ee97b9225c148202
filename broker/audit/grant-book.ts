import type { AuditRecord } from '../../core/audit/event.ts'
import type { NumberedRun } from './live-runs.ts'

/** A token that was granted and has not expired. */
export interface LiveGrant {
  readonly jti: string
  readonly exchangeId: string
  /** Line of the stream that it belongs to: `<namespace>/<run or pod>`. */
  readonly subject: string
  readonly audience: string
  readonly scope: readonly string[]
  readonly cluster: string
  readonly namespace: string
  readonly serviceAccount: string
  readonly podUid: string | undefined
  /** The policy and the provider that it was granted under; absent in records that do not say so. */
  readonly policyUid?: string | undefined
  readonly provider?: string | undefined
  /** `runKey` of the run that it ends with. */
  readonly run: string | undefined
  readonly expiresAt: Date
  readonly isRevoked: boolean
}

/** What is the same for all tokens of one holder. */
export type GrantOrigin = Omit<LiveGrant, 'jti' | 'exchangeId' | 'expiresAt' | 'isRevoked'>

/** A run that was allowed to get tokens in some of its tasks; design: run authorisation. */
export interface RunAuthorization {
  readonly id: string
  readonly digest: string
  readonly cluster: string
  readonly namespace: string
  /** `runKey` of the run that it is for. */
  readonly run: string
  readonly policyUid: string
  readonly policyGeneration: number
  readonly provider: string
  readonly audience: string
  readonly scope: readonly string[]
  readonly into: readonly { readonly task: string; readonly serviceAccount: string }[]
  /** No token under it lives longer; undefined in records that do not say so. */
  readonly ttlSeconds: number | undefined
  readonly expiresAt: Date
}

/** What became of one question to people; the first word that ends it stays. */
export interface ApprovalFate {
  /** Of the TokenApproval. */
  readonly name: string
  readonly digest: string
  readonly cluster: string
  readonly namespace: string
  /** `runKey` of the run that it is about. */
  readonly run: string
  readonly verdict: 'open' | 'approved' | 'rejected' | 'expired' | 'closed'
  /** When the question is over. */
  readonly askedUntil: Date
  /** When the answer is forgotten. */
  readonly expiresAt: Date
}

/** What was granted and withdrawn, as a projection of the journal: rebuilt from it at start, never stored elsewhere. */
export interface GrantBook {
  /** Takes one durable record; in journal order, at recovery and after each append. */
  apply(record: AuditRecord): void
  grant(jti: string): LiveGrant | undefined
  /** A run is named by its `runKey`. */
  grantsOfRun(run: string): readonly LiveGrant[]
  /** Those that are still good at `now`; looks at every holder, for acts of people only. */
  liveGrants(isSelected: (grant: GrantOrigin) => boolean, now: Date): readonly LiveGrant[]
  isRunEnded(run: string): boolean
  /** Runs of a cluster that hold a grant or an authorisation, in the order in which they came to it. */
  liveRuns(after: number, cluster: string, limit: number): readonly NumberedRun[]
  authorizationsOfRun(run: string): readonly RunAuthorization[]
  /** By the name of its TokenApproval. */
  approval(name: string): ApprovalFate | undefined
  approvalsOfRun(run: string): readonly ApprovalFate[]
  /** Forgets what expired before `now`; ended runs are kept for the longest life a token can have. */
  sweep(now: Date): void
}

/** A grant to an agent, as far as budgets count it: from a record, or before it is issued. */
export interface AgentGrant {
  readonly exchangeId: string
  readonly cluster: string
  readonly namespace: string
  readonly serviceAccount: string
  /** UID of the pod, or of the CustomRun whose Secret it is for. */
  readonly holder: string
  /** `runKey`; undefined for a pod that no run made, which then counts as a run of its own. */
  readonly run: string | undefined
  readonly policyUid: string
  readonly provider: string
  readonly audience: string
  readonly scope: readonly string[]
}

/** Where a grant to an agent is counted: under its policy, and under its provider whatever the policy. */
export type Ledger = 'policy' | 'provider'

/** What agents may have; undefined where nobody says so. */
export interface Budget {
  readonly perRun?: number | undefined
  readonly perHour?: number | undefined
}

/** What refuses one more grant. */
export interface SpentBudget {
  readonly ledger: Ledger
  readonly per: 'run' | 'hour'
  readonly limit: number
}
