import type { Clock } from '../../core/clock.ts'
import { runKey, runObject } from '../../core/identity/run.ts'
import type { WorkloadClaims } from '../../core/identity/workload.ts'
import type { Allowance } from '../../core/policy/allowance.ts'
import { Problem } from '../../core/problem.ts'
import type { GrantBook, RunAuthorization } from '../audit/grant-book.ts'
import type { Grant, GrantFields } from '../providers/provider.ts'
import type { IntoTask } from './authorize-run.ts'

interface Deps {
  readonly book: GrantBook
  readonly clock: Clock
}

export interface SettleInput {
  readonly exchangeId: string
  readonly allowance: Allowance
  readonly workload: WorkloadClaims
  /** The tasks that the token is for: the pod's own, or all that mount the Secret. */
  readonly into: readonly IntoTask[]
  /** Longest life that the provider can give, in seconds. */
  readonly providerMaxSeconds: number
}

export type Settle = (input: SettleInput) => Grant

/**
 * Turns an allowance into the right to issue one token: its end is the earliest of everything that ends it.
 * Under a run authorisation no person is asked a second time.
 *
 * @returns the only maker of a {@link Grant}
 * @throws Problem `run_ended` or `subject_token_expired` when there is no time left; `policy_not_ready` for a ttl of zero
 */
export function createSettle({ book, clock }: Deps): Settle {
  return function settle({ exchangeId, allowance, workload, into, providerMaxSeconds }) {
    const { run } = allowance
    const object = runObject(run)
    const key = object && runKey(allowance.subject, object)
    if (key !== undefined && book.isRunEnded(key)) {
      throw new Problem('run_ended', { detail: 'the controller reported the end of the run' })
    }
    if (allowance.ttlSeconds < 1) throw new Problem('policy_not_ready', { detail: 'a ttl or limit of zero' })
    const authorizations = key === undefined ? [] : book.authorizationsOfRun(key)
    const issuedAt = clock()
    // The shortest life that was asked for holds, as a ttl only ever shortens.
    const caps = authorizations.filter((one) => concerns(one, allowance, into)).flatMap((one) => one.ttlSeconds ?? [])
    const maxSeconds = Math.min(providerMaxSeconds, ...caps)
    const expiresAt = endOf(allowance, workload, issuedAt, maxSeconds)
    if (expiresAt.getTime() - issuedAt.getTime() < 1000) throw noTimeLeft(run.deadline, expiresAt)
    const fields: GrantFields = {
      exchangeId,
      allowance,
      workload,
      issuedAt,
      expiresAt,
      authorizationId: authorizations.find((one) => covers(one, allowance, into))?.id,
    }
    return fields as Grant
  }
}

function endOf(allowance: Allowance, workload: WorkloadClaims, from: Date, maxSeconds: number): Date {
  const lifeMs = Math.min(allowance.ttlSeconds, maxSeconds) * 1000
  const ends = [from.getTime() + lifeMs, workload.expiresAt.getTime()]
  if (allowance.run.deadline !== undefined) ends.push(allowance.run.deadline.getTime())
  // JWT times are whole seconds: round down, never up.
  return new Date(Math.floor(Math.min(...ends) / 1000) * 1000)
}

function noTimeLeft(deadline: Date | undefined, expiresAt: Date): Problem {
  const isDeadline = deadline !== undefined && deadline.getTime() <= expiresAt.getTime() + 1000
  return isDeadline
    ? new Problem('run_ended', { detail: 'the run is at its deadline' })
    : new Problem('subject_token_expired', { detail: 'no whole second of life is left' })
}

/** Same policy in the same generation, same target, no further scope, and tasks that the authorisation goes into. */
export function covers(authorization: RunAuthorization, allowance: Allowance, into: readonly IntoTask[]): boolean {
  return (
    concerns(authorization, allowance, into) &&
    authorization.policyGeneration === allowance.policy.generation &&
    authorization.provider === allowance.provider.name &&
    authorization.audience === allowance.audience
  )
}

/** The same, whatever became of the policy meanwhile: the ttl that its TokenExchange task asked for goes on to hold. */
function concerns(authorization: RunAuthorization, allowance: Allowance, into: readonly IntoTask[]): boolean {
  const { policy, subject, scopes } = allowance
  return (
    authorization.cluster === subject.cluster &&
    authorization.namespace === subject.namespace &&
    authorization.policyUid === policy.uid &&
    scopes.every((scope) => authorization.scope.includes(scope)) &&
    into.length > 0 &&
    into.every((asked) =>
      authorization.into.some((one) => one.task === asked.task && one.serviceAccount === asked.serviceAccount),
    )
  )
}
