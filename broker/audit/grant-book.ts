import type { AuditRecord } from '../../core/audit/event.ts'
import type { Clock } from '../../core/clock.ts'
import { createExpiringByRun } from './expiring-by-run.ts'
import { createLiveGrants } from './live-grants.ts'
import { createLiveRuns, type NumberedRun } from './live-runs.ts'
import { readAuthorization, readGrant, runOf } from './read-grant.ts'

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
  /** `runKey` of the run that it ends with. */
  readonly run: string | undefined
  readonly expiresAt: Date
  readonly isRevoked: boolean
}

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

/** What was granted and withdrawn, as a projection of the journal: rebuilt from it at start, never stored elsewhere. */
export interface GrantBook {
  /** Takes one durable record; in journal order, at recovery and after each append. */
  apply(record: AuditRecord): void
  grant(jti: string): LiveGrant | undefined
  /** A run is named by its `runKey`. */
  grantsOfRun(run: string): readonly LiveGrant[]
  isRunEnded(run: string): boolean
  /** Runs of a cluster that hold a grant or an authorisation, in the order in which they came to it. */
  liveRuns(after: number, cluster: string, limit: number): readonly NumberedRun[]
  authorizationsOfRun(run: string): readonly RunAuthorization[]
  /** Forgets what expired before `now`; ended runs are kept for the longest life a token can have. */
  sweep(now: Date): void
}

interface GrantBookOptions {
  readonly clock: Clock
  /** How long the end of a run is remembered. Default 24 hours, more than any token or authorisation lives. */
  readonly endedRunMs?: number
}

/** Different authorisations of one run that are kept; beyond any pipeline, and each exchange looks through them. */
const maxAuthorizations = 256

/** Makes an empty book; feed it the journal from the beginning of the chain. */
export function createGrantBook({ clock, endedRunMs = 24 * 3600 * 1000 }: GrantBookOptions): GrantBook {
  const grants = createLiveGrants()
  const authorizations = createExpiringByRun<RunAuthorization>()
  const ended = new Map<string, Date>()
  const live = createLiveRuns()

  function addGrant(record: AuditRecord): void {
    const grant = readGrant(record)
    if (grant === undefined || grant.expiresAt <= clock()) return
    // Its exchange was under way when the run ended: what a run was given ends with the run.
    const isRevoked = grant.run !== undefined && ended.has(grant.run)
    grants.put({ ...grant, isRevoked })
    if (grant.run !== undefined && !isRevoked) live.holds(grant.run, grant.expiresAt)
  }

  function addAuthorization(record: AuditRecord): void {
    const authorization = readAuthorization(record)
    if (authorization === undefined || authorization.expiresAt <= clock() || ended.has(authorization.run)) return
    // One that says the same takes the place of the one before; a pod may authorise itself again and again.
    const [oldest, ...others] = authorizations.ofRun(authorization.run)
    if (oldest !== undefined && others.length >= maxAuthorizations - 1) authorizations.remove(oldest.digest)
    authorizations.put(authorization.digest, authorization)
    live.holds(authorization.run, authorization.expiresAt)
  }

  function endRun(record: AuditRecord): void {
    const run = runOf(record)
    if (run === undefined) return
    ended.set(run, new Date(record.time))
    live.ended(run)
    for (const { digest } of authorizations.ofRun(run)) authorizations.remove(digest)
    for (const { jti } of grants.ofRun(run)) grants.revoke(jti)
  }

  return Object.freeze({
    apply(record: AuditRecord) {
      if (record.type === 'dev.tokenbroker.exchange.granted.v1') addGrant(record)
      if (record.type === 'dev.tokenbroker.exchange.authorized.v1') addAuthorization(record)
      if (record.type === 'dev.tokenbroker.run.ended.v1') endRun(record)
      for (const jti of record.data.revoked_tokens ?? []) grants.revoke(jti)
    },
    grant: (jti: string) => grants.get(jti),
    grantsOfRun: (run: string) => grants.ofRun(run),
    isRunEnded: (run: string) => ended.has(run),
    liveRuns: live.after,
    authorizationsOfRun: (run: string) => authorizations.ofRun(run),
    sweep(now: Date) {
      grants.sweep(now)
      live.sweep(now)
      authorizations.sweep(now)
      for (const [run, at] of ended) if (now.getTime() - at.getTime() >= endedRunMs) ended.delete(run)
    },
  })
}
