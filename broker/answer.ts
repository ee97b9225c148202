import type { Receipt } from '../core/audit/event.ts'
import type { Brand } from '../core/brand.ts'
import { rfc3339 } from '../core/clock.ts'
import { tokenTypes } from '../core/oauth/vocabulary.ts'
import type { Problem } from '../core/problem.ts'
import type { Authorization } from './approvals/authorize-run.ts'
import { NotApproved } from './approvals/pending.ts'
import { describeExplanation, type Explanation } from './explanation.ts'
import type { Grant, IssuedToken } from './providers/provider.ts'

/** Proof that a refusal before authentication was counted; made by the aggregation alone. */
export type Counted = Brand<{ readonly reason: string }, 'Counted'>

export type Outcome =
  | { readonly kind: 'granted'; readonly grant: Grant; readonly issued: IssuedToken }
  | { readonly kind: 'authorized'; readonly authorization: Authorization; readonly exchangeId: string }
  | { readonly kind: 'explained'; readonly explanation: Explanation; readonly exchangeId: string }
  | {
      readonly kind: 'refused'
      readonly problem: Problem
      readonly exchangeId: string
      readonly isJwtBearer: boolean
    }

/** What goes over the wire. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const commonHeaders = {
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
} as const

/** Seconds that a caller is asked to wait when something behind us is down. */
const retryAfterSeconds = '2'

/**
 * The only way out, and the only function of the broker that reveals an issued token: nothing is answered without a
 * receipt for its durable record, or, before a caller is known, without having been counted.
 */
export function answer(outcome: Outcome, _proof: Receipt | Counted): Answer {
  switch (outcome.kind) {
    case 'granted':
      return granted(outcome.grant, outcome.issued)
    case 'authorized':
      return authorized(outcome.authorization, outcome.exchangeId)
    case 'explained':
      return jsonAnswer({ ...describeExplanation(outcome.explanation), exchange_id: outcome.exchangeId })
    case 'refused':
      return refused(outcome)
  }
}

/** @see RFC 8693 §2.2.1 */
function granted(grant: Grant, issued: IssuedToken): Answer {
  const lifeMs = issued.expiresAt.getTime() - grant.issuedAt.getTime()
  return {
    status: 200,
    headers: commonHeaders,
    body: JSON.stringify({
      access_token: issued.accessToken.reveal(),
      issued_token_type: tokenTypes.accessToken,
      token_type: 'Bearer',
      expires_in: Math.max(0, Math.floor(lifeMs / 1000)),
      scope: issued.scopes.join(' '),
      exchange_id: grant.exchangeId,
      // What an agent needs no more is not kept alive for it: docs/adr/0018-agents-and-initiators.md
      ...(grant.allowance.agent && { renewal: 'on_request' }),
    }),
  }
}

function authorized({ id, allowance, expiresAt }: Authorization, exchangeId: string): Answer {
  return {
    status: 200,
    headers: commonHeaders,
    body: JSON.stringify({
      authorization_id: id,
      expires_at: rfc3339(expiresAt),
      policy: allowance.policy.name,
      audience: allowance.audience,
      scope: allowance.scopes.join(' '),
      exchange_id: exchangeId,
    }),
  }
}

/** A refusal before a body was read or a caller was known. */
export function countedAnswer(problem: Problem, _proof: Counted): Answer {
  return problemAnswer(problem)
}

/** A success of the endpoints beside `/token`, whose record is durable where it changes anything. */
export function jsonAnswer(body: object): Answer {
  return { status: 200, headers: commonHeaders, body: JSON.stringify(body) }
}

/** A problem as an OAuth error. `exchange_id` is the key into the audit stream, where there is a record. */
export function problemAnswer(problem: Problem, exchangeId?: string): Answer {
  const { status, oauth } = problem.row
  return {
    status,
    headers: { ...commonHeaders, ...extraHeaders(status) },
    body: JSON.stringify({
      error: oauth,
      error_description: problem.mend,
      ...(exchangeId !== undefined && { exchange_id: exchangeId }),
      ...(problem instanceof NotApproved && asked(problem)),
    }),
  }
}

/** @see RFC 8628 §3.5 */
function asked({ reason, asked: { approval, intervalSeconds, expiresInSeconds } }: NotApproved) {
  const isOpen = reason === 'approval_pending' || reason === 'approval_slow_down'
  return { approval, ...(isOpen && { interval: intervalSeconds, expires_in: expiresInSeconds }) }
}

/** @see RFC 6749 §5.2; RFC 7523 §3.1 asks for `invalid_grant` where RFC 8693 §2.2.2 asks for `invalid_request` */
function refused({ problem, exchangeId, isJwtBearer }: Extract<Outcome, { kind: 'refused' }>): Answer {
  const { reason } = problem
  const isAssertionAtFault = isJwtBearer && (reason.startsWith('subject_token') || reason.startsWith('workload'))
  const answered = problemAnswer(problem, exchangeId)
  if (!isAssertionAtFault) return answered
  return { ...answered, body: JSON.stringify({ ...JSON.parse(answered.body), error: 'invalid_grant' }) }
}

function extraHeaders(status: number): Record<string, string> {
  if (status === 405) return { Allow: 'POST' }
  if (status === 401) return { 'WWW-Authenticate': 'Bearer realm="tokenbroker"' }
  // The rest of an over-long body is not worth reading.
  if (status === 413) return { Connection: 'close' }
  return status === 503 || status === 429 ? { 'Retry-After': retryAfterSeconds } : {}
}
