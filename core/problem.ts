import { agentProblems } from './problems/agent.ts'
import { approvalProblems } from './problems/approval.ts'
import { identityProblems } from './problems/identity.ts'
import { policyProblems } from './problems/policy.ts'
import { requestProblems } from './problems/request.ts'
import type { ProblemRow } from './problems/row.ts'
import { runProblems } from './problems/run.ts'
import { serviceProblems } from './problems/service.ts'

/**
 * Every way a request can end other than with a token: reason (audit record, logs, metrics) to OAuth answer.
 * `docs/errors.md` is held against this table by a test.
 *
 * @see RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 8628 §3.5
 */
export const problems = {
  ...requestProblems,
  ...identityProblems,
  ...runProblems,
  ...policyProblems,
  ...approvalProblems,
  ...agentProblems,
  ...serviceProblems,
} as const satisfies Readonly<Record<string, ProblemRow>>

/** Closed list of reasons; the key of {@link problems}. */
export type ProblemReason = keyof typeof problems

interface ProblemOptions {
  /** For the audit record and the operator's log; never for the caller. Must hold no credential. */
  readonly detail?: string
  /** Replaces the table's public sentence where the mend depends on the request; same character set. */
  readonly mend?: string
  readonly cause?: unknown
}

/**
 * An operation that cannot go on. The public half is `mend` (what the caller may change), the operator's half is
 * `reason` and `detail`.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly reason: ProblemReason
  readonly detail: string | undefined
  readonly mend: string

  constructor(reason: ProblemReason, options: ProblemOptions = {}) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause })
    this.reason = reason
    this.detail = options.detail
    this.mend = options.mend ?? problems[reason].mend
  }

  get row(): ProblemRow {
    return problems[this.reason]
  }
}
