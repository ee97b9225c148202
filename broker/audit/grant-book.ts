import type { AuditRecord } from '../../core/audit/event.ts'
import type { Clock } from '../../core/clock.ts'
import { createExpiringByRun } from './expiring-by-run.ts'
import { readAuthorization, readGrant, runUidOf } from './read-grant.ts'

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

interface GrantBookOptions {
  readonly clock: Clock
  /** How long the end of a run is remembered. Default 24 hours, more than any token or authorisation lives. */
  readonly endedRunMs?: number
}

/** Makes an empty book; feed it the journal from the beginning of the chain. */
export function createGrantBook({ clock, endedRunMs = 24 * 3600 * 1000 }: GrantBookOptions): GrantBook {
  const grants = createExpiringByRun<LiveGrant>()
  const authorizations = createExpiringByRun<RunAuthorization>()
  const ended = new Map<string, Date>()

  function addGrant(record: AuditRecord): void {
    const grant = readGrant(record)
    if (grant === undefined || grant.expiresAt <= clock()) return
    // Its exchange was under way when the run ended: what a run was given ends with the run.
    const isRevoked = grant.runUid !== undefined && ended.has(grant.runUid)
    grants.put(grant.jti, { ...grant, isRevoked })
  }

  function addAuthorization(record: AuditRecord): void {
    const authorization = readAuthorization(record)
    if (authorization === undefined || authorization.expiresAt <= clock() || ended.has(authorization.runUid)) return
    authorizations.put(authorization.id, authorization)
  }

  function revoke(jti: string): void {
    const grant = grants.get(jti)
    if (grant !== undefined) grants.put(jti, { ...grant, isRevoked: true })
  }

  function endRun({ time, data }: AuditRecord): void {
    const runUid = runUidOf(data.run)
    if (runUid === undefined) return
    ended.set(runUid, new Date(time))
    for (const { id } of authorizations.ofRun(runUid)) authorizations.remove(id)
    for (const { jti } of grants.ofRun(runUid)) revoke(jti)
  }

  return Object.freeze({
    apply(record: AuditRecord) {
      if (record.type === 'dev.tokenbroker.exchange.granted.v1') addGrant(record)
      if (record.type === 'dev.tokenbroker.exchange.authorized.v1') addAuthorization(record)
      if (record.type === 'dev.tokenbroker.run.ended.v1') endRun(record)
      for (const jti of record.data.revoked_tokens ?? []) revoke(jti)
    },
    grant: (jti: string) => grants.get(jti),
    grantsOfRun: (runUid: string) => grants.ofRun(runUid),
    isRunEnded: (runUid: string) => ended.has(runUid),
    authorizationsOfRun: (runUid: string) => authorizations.ofRun(runUid),
    sweep(now: Date) {
      grants.sweep(now)
      authorizations.sweep(now)
      for (const [runUid, at] of ended) if (now.getTime() - at.getTime() >= endedRunMs) ended.delete(runUid)
    },
  })
}
