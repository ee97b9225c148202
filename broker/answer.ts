import type { Receipt } from '../core/audit/event.ts'
import type { Brand } from '../core/brand.ts'
import { rfc3339 } from '../core/clock.ts'
import { tokenTypes } from '../core/oauth/vocabulary.ts'
import type { Problem } from '../core/problem.ts'
import type { Authorization } from './approvals/authorize-run.ts'
import type { Grant, IssuedToken } from './providers/provider.ts'

/** Proof that a refusal before authentication was counted; made by the aggregation alone. */
export type Counted = Brand<{ readonly reason: string }, 'Counted'>

export type Outcome =
  | { readonly kind: 'granted'; readonly grant: Grant; readonly issued: IssuedToken }
  | { readonly kind: 'authorized'; readonly authorization: Authorization; readonly exchangeId: string }
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

/** @see RFC 6749 §5.2; RFC 7523 §3.1 asks for `invalid_grant` where RFC 8693 §2.2.2 asks for `invalid_request` */
function refused({ problem, exchangeId, isJwtBearer }: Extract<Outcome, { kind: 'refused' }>): Answer {
  const { row } = problem
  const isAssertionAtFault =
    isJwtBearer && (problem.reason.startsWith('subject_token') || problem.reason.startsWith('workload'))
  return {
    status: row.status,
    headers: { ...commonHeaders, ...extraHeaders(row.status) },
    body: JSON.stringify({
      error: isAssertionAtFault ? 'invalid_grant' : row.oauth,
      error_description: problem.mend,
      exchange_id: exchangeId,
    }),
  }
}

function extraHeaders(status: number): Record<string, string> {
  if (status === 405) return { Allow: 'POST' }
  if (status === 401) return { 'WWW-Authenticate': 'Bearer realm="tokenbroker"' }
  return status === 503 || status === 429 ? { 'Retry-After': retryAfterSeconds } : {}
}
