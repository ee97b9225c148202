import type { AuditRecord } from '../../core/audit/event.ts'
import type { Clock } from '../../core/clock.ts'
import { createExpiringByRun } from './expiring-by-run.ts'
import type { ApprovalFate, GrantBook, GrantOrigin, RunAuthorization } from './grant-book.ts'
import { createLiveGrants } from './live-grants.ts'
import { createLiveRuns } from './live-runs.ts'
import { readAuthorization, readGrant, readQuestion, readVerdict, runOf } from './read-grant.ts'
import { createSuspensions, selectorOf } from './suspensions.ts'

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
  const approvals = createExpiringByRun<ApprovalFate>()
  const ended = new Map<string, Date>()
  const live = createLiveRuns()
  const suspensions = createSuspensions()

  function addGrant(record: AuditRecord): void {
    const grant = readGrant(record)
    if (grant === undefined || grant.expiresAt <= clock()) return
    // Its exchange was under way when the run ended: what a run was given ends with the run.
    const isRevoked = (grant.run !== undefined && ended.has(grant.run)) || suspensions.covers(grant)
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

  function addQuestion(record: AuditRecord): void {
    const question = readQuestion(record)
    if (question === undefined || question.expiresAt <= clock() || ended.has(question.run)) return
    // What was said once stays, also where the same is asked again.
    if (approvals.get(question.name) !== undefined) return
    approvals.put(question.name, question)
    // So that the end of its run closes it.
    live.holds(question.run, question.expiresAt)
  }

  function answer(record: AuditRecord): void {
    const fate = approvals.get(record.data.approval?.name ?? '')
    const verdict = readVerdict(record)
    if (fate?.verdict === 'open' && verdict !== undefined) approvals.put(fate.name, { ...fate, verdict })
  }

  function endRun(record: AuditRecord): void {
    const run = runOf(record)
    if (run === undefined) return
    ended.set(run, new Date(record.time))
    live.ended(run)
    for (const { digest } of authorizations.ofRun(run)) authorizations.remove(digest)
    for (const { name } of approvals.ofRun(run)) approvals.remove(name)
    for (const { jti } of grants.ofRun(run)) grants.revoke(jti)
  }

  /** One record withdraws whatever of that kind was granted before it, named in it or not. */
  function suspendAccess(record: AuditRecord): void {
    suspensions.apply(record)
    const isSelected = record.data.reason === 'revoked_by_person' ? selectorOf(record) : undefined
    if (isSelected === undefined) return
    for (const { jti } of grants.matching(isSelected)) grants.revoke(jti)
  }

  return Object.freeze({
    apply(record: AuditRecord) {
      if (record.type === 'dev.tokenbroker.access.suspended.v1') suspendAccess(record)
      if (record.type === 'dev.tokenbroker.exchange.granted.v1') addGrant(record)
      if (record.type === 'dev.tokenbroker.exchange.authorized.v1') addAuthorization(record)
      if (record.type === 'dev.tokenbroker.approval.requested.v1') addQuestion(record)
      if (record.data.approval !== undefined) answer(record)
      if (record.type === 'dev.tokenbroker.run.ended.v1') endRun(record)
      for (const jti of record.data.revoked_tokens ?? []) grants.revoke(jti)
    },
    grant: (jti: string) => grants.get(jti),
    grantsOfRun: (run: string) => grants.ofRun(run),
    liveGrants: (isSelected: (origin: GrantOrigin) => boolean, now: Date) =>
      grants.matching(isSelected).filter((grant) => !grant.isRevoked && grant.expiresAt > now),
    isRunEnded: (run: string) => ended.has(run),
    liveRuns: live.after,
    authorizationsOfRun: (run: string) => authorizations.ofRun(run),
    approval: (name: string) => approvals.get(name),
    approvalsOfRun: (run: string) => approvals.ofRun(run),
    sweep(now: Date) {
      grants.sweep(now)
      live.sweep(now)
      authorizations.sweep(now)
      approvals.sweep(now)
      for (const [run, at] of ended) if (now.getTime() - at.getTime() >= endedRunMs) ended.delete(run)
    },
  })
}
