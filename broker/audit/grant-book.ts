import type { AuditRecord } from '../../core/audit/event.ts'

/** A token that was granted and has not expired. */
export interface LiveGrant {
  readonly jti: string
  readonly exchangeId: string
  readonly audience: string
  readonly scope: readonly string[]
  readonly namespace: string
  readonly serviceAccount: string
  readonly podUid: string | undefined
  readonly runUid: string | undefined
  readonly expiresAt: Date
  readonly isRevoked: boolean
}

/** A run that was allowed to get tokens in some of its tasks; design: run authorisation. */
export interface RunAuthorization {
  readonly id: string
  readonly digest: string
  readonly cluster: string
  readonly namespace: string
  readonly runUid: string
  readonly policyUid: string
  readonly policyGeneration: number
  readonly provider: string
  readonly audience: string
  readonly scope: readonly string[]
  readonly into: readonly { readonly task: string; readonly serviceAccount: string }[]
  readonly expiresAt: Date
}

/** What was granted and withdrawn, as a projection of the journal: rebuilt from it at start, never stored elsewhere. */
export interface GrantBook {
  /** Takes one durable record; in journal order, at recovery and after each append. */
  apply(record: AuditRecord): void
  grant(jti: string): LiveGrant | undefined
  grantsOfRun(runUid: string): readonly LiveGrant[]
  isRunEnded(runUid: string): boolean
  authorizationsOfRun(runUid: string): readonly RunAuthorization[]
  /** Forgets what expired before `now`; ended runs are kept for the longest life a token can have. */
  sweep(now: Date): void
}
