/**
 * Checked by the compiler alone, never run: each `@ts-expect-error` is a promise of the design, and an error that is no
 * longer one fails the check.
 */
import { type Answer, answer, type Counted, countedAnswer, type Outcome } from '../../broker/answer.ts'
import type { SettleInput } from '../../broker/approvals/settle.ts'
import type { ExchangeSteps } from '../../broker/exchange.ts'
import type { Requester } from '../../broker/known.ts'
import type {
  AccessTokenClaims,
  Grant,
  GrantFields,
  IssuedToken,
  TokenProvider,
  Upstream,
} from '../../broker/providers/provider.ts'
import type { AuditEntry, AuditJournal, Receipt } from '../../core/audit/event.ts'
import type { Workload, WorkloadClaims } from '../../core/identity/workload.ts'
import type { Allowance, AllowanceFields, Facts } from '../../core/policy/allowance.ts'
import type { evaluate } from '../../core/policy/evaluate.ts'
import type { Problem } from '../../core/problem.ts'

declare const claims: WorkloadClaims
declare const workload: Workload
declare const allowanceFields: AllowanceFields
declare const allowance: Allowance
declare const grantFields: GrantFields
declare const grant: Grant
declare const receipt: Receipt
declare const counted: Counted
declare const outcome: Outcome
declare const issued: IssuedToken
declare const problem: Problem
declare const provider: TokenProvider<unknown>
declare const upstream: Upstream
declare const journal: AuditJournal
declare const entry: AuditEntry
declare const facts: Facts
declare const signal: AbortSignal

function takesWorkload(_workload: Workload): void {}
function takesAllowance(_allowance: Allowance): void {}
function takesGrant(_grant: Grant): void {}
function takesReceipt(_receipt: Receipt): void {}
function takesCounted(_counted: Counted): void {}
function takesRequester(_requester: Requester): void {}

/** Who asks is proved by verification. */
export function workloads(): void {
  takesWorkload(workload)
  // @ts-expect-error claims that nobody verified are no workload
  takesWorkload(claims)
  // @ts-expect-error an object of that shape is no workload
  takesWorkload({ ...claims })
  // @ts-expect-error a requester holds a workload, not claims
  takesRequester({ kind: 'pod', workload: claims })
}

/** What is allowed comes from evaluation. */
export function allowances(): void {
  takesAllowance(allowance)
  // @ts-expect-error fields are no allowance
  takesAllowance(allowanceFields)
  // @ts-expect-error facts are no allowance
  takesAllowance(facts)
  // @ts-expect-error a grant is more, and something else
  takesAllowance(grant)
  const decided: ReturnType<typeof evaluate> = allowance
  takesAllowance(decided)
}

/** The right to a token comes from settling an allowance. */
export function grants(): void {
  takesGrant(grant)
  // @ts-expect-error fields are no grant
  takesGrant(grantFields)
  // @ts-expect-error an allowance is no grant: who asked, until when and under which id are missing
  takesGrant(allowance)
  // @ts-expect-error settling needs an allowance
  const input: SettleInput = { exchangeId: '', allowance: allowanceFields, workload, providerMaxSeconds: 1 }
  void input
}

/** A provider issues under a grant and nothing else. */
export async function providers(): Promise<void> {
  await provider.exchange(grant, {}, upstream, signal)
  // @ts-expect-error fields are no grant
  await provider.exchange(grantFields, {}, upstream, signal)
  // @ts-expect-error an allowance is no grant
  await provider.exchange(allowance, {}, upstream, signal)
  // @ts-expect-error every call can be given up
  await provider.exchange(grant, {}, upstream)
  // @ts-expect-error a token is a Secret, not text
  const token: IssuedToken = { ...issued, accessToken: 'eyJ' }
  void token
  const claimsOfToken: AccessTokenClaims = { iss: 'x' }
  // @ts-expect-error a token has an end
  await upstream.mint(claimsOfToken, { algorithm: 'RS256', tokenType: 'at+jwt', issuedAt: new Date(0) })
}

/** Nothing leaves without a durable record, or, before anybody is known, without having been counted. */
export async function answers(): Promise<void> {
  answer(outcome, receipt)
  answer(outcome, counted)
  answer(outcome, await journal.append(entry))
  // @ts-expect-error an answer needs proof
  answer(outcome)
  // @ts-expect-error undefined is no proof
  answer(outcome, undefined)
  // @ts-expect-error an object of that shape is no receipt
  answer(outcome, { eventId: '', sequence: 1, chainUid: '' })
  // @ts-expect-error an object of that shape is no count
  answer(outcome, { reason: '' })
  // @ts-expect-error a receipt that is still awaited is no receipt
  answer(outcome, journal.append(entry))
  // @ts-expect-error a token that was issued without a grant cannot be answered
  answer({ kind: 'granted', grant: grantFields, issued }, receipt)
  countedAnswer(problem, counted)
  // @ts-expect-error what was not counted is not answered
  countedAnswer(problem)
  takesReceipt(receipt)
  takesCounted(counted)
  // @ts-expect-error a count is no receipt
  takesReceipt(counted)
  // @ts-expect-error a receipt is no count
  takesCounted(receipt)
}

/** The steps of an exchange fit together in one order only. */
export async function steps(all: ExchangeSteps, requester: Requester): Promise<void> {
  all.settle('', allowance, requester, [])
  // @ts-expect-error nothing is settled that was not allowed
  all.settle('', allowanceFields, requester, [])
  // @ts-expect-error nothing is issued that was not settled
  await all.issue(allowance, signal)
  // @ts-expect-error the right to call upstream is a grant's
  all.callsUpstream(allowance)
  const out: Answer = answer(outcome, all.count('token', 'internal_error'))
  void out
}
