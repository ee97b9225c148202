import type { AuditEntry, Receipt } from '../core/audit/event.ts'
import type { Clock } from '../core/clock.ts'
import { type ExchangeRequest, parseExchangeRequest } from '../core/oauth/exchange-request.ts'
import { parseForm } from '../core/oauth/form.ts'
import type { Allowance } from '../core/policy/allowance.ts'
import { Problem, type ProblemReason } from '../core/problem.ts'
import { type Answer, answer, type Counted, type Outcome } from './answer.ts'
import type { Authorization } from './approvals/authorize-run.ts'
import type { ControllerProof } from './controller.ts'
import { decide } from './decide.ts'
import { requireDoor } from './door.ts'
import { explain } from './explanation.ts'
import type { Door, Gathered, Incoming, Known, Requester } from './known.ts'
import type { Grant, IssuedToken } from './providers/provider.ts'
import { entryFor, type Recordable } from './records.ts'

/** The effects of one exchange, each made by its own room and joined in `app.ts`. */
export interface ExchangeSteps {
  /** The audience that subject tokens have; said at `/explain` to whoever shows another one. */
  readonly expectedAudience?: string
  readonly newId: () => string
  readonly clock: Clock
  /** Proves who asks. @throws Problem */
  verify(request: ExchangeRequest, signal: AbortSignal): Promise<Requester>
  /** Whether who acts for a CustomRun is the controller. */
  proveActor(requester: Requester, peerAddress: string | undefined, signal: AbortSignal): Promise<ControllerProof>
  /** Run, policies, providers and RBAC answers. @throws Problem */
  gather(
    request: ExchangeRequest,
    requester: Requester,
    peerAddress: string | undefined,
    signal: AbortSignal,
  ): Promise<Gathered>
  /** Looks whether an agent has a grant left, before any person is asked. @throws Problem `agent_budget_spent` */
  requireBudget(allowance: Allowance, requester: Requester): void
  /** Resolves where the people who have to say yes did, or nobody has to. @throws Problem `approval_*` */
  approve(allowance: Allowance, known: Known, into: Gathered['into'], signal: AbortSignal): Promise<void>
  /** The right to one token. What it reserves is given back by `release`, unless its record is written. @throws Problem */
  settle(exchangeId: string, allowance: Allowance, requester: Requester, into: Gathered['into']): Grant
  authorize(allowance: Allowance, gathered: Gathered): Authorization
  /** Does issuing under this grant leave the process? Then the intent is durable first. */
  callsUpstream(grant: Grant): boolean
  /** Nothing came of this exchange: gives back what it reserved, if anything. */
  release(exchangeId: string): void
  /** Asks the provider and checks its answer. @throws Problem */
  issue(grant: Grant, signal: AbortSignal): Promise<IssuedToken>
  /** Resolves when the entry is durable. @throws Problem `audit_unavailable` */
  record(entry: AuditEntry): Promise<Receipt>
  /** Counts a refusal of a caller that is not known, or of one that floods. */
  count(door: Door, reason: ProblemReason): Counted
  /** One line and one metric for each request, after its record. */
  observe(known: Known, outcome: Outcome): void
}

export type Exchange = (incoming: Incoming, signal: AbortSignal) => Promise<Answer>

/**
 * One exchange: parse → verify → gather → evaluate → approve → settle → issue → record → answer.
 *
 * @see docs/architecture.md#one-exchange
 */
export function createExchange(steps: ExchangeSteps): Exchange {
  return async function exchange(incoming, signal) {
    const known: Known = { exchangeId: steps.newId(), startedAt: steps.clock(), incoming }
    try {
      known.request = parseExchangeRequest(parseForm(incoming.body))
      known.requester = await steps.verify(known.request, signal)
      if (known.requester.kind === 'customrun') {
        known.actor = requireActor(await steps.proveActor(known.requester, incoming.peerAddress, signal))
      }
      known.gathered = await steps.gather(known.request, known.requester, incoming.peerAddress, signal)
      requireDoor(incoming.door, known.requester, known.gathered)
      if (incoming.door === 'explain') {
        return await recordAndAnswer(steps, known, explained(steps, known, known.gathered, known.requester))
      }
      known.allowance = decide(known.gathered, known.requester)
      steps.requireBudget(known.allowance, known.requester)
      await steps.approve(known.allowance, known, known.gathered.into, signal)
      const outcome = await conclude(steps, known, known.allowance, known.requester, known.gathered, signal)
      return await recordAndAnswer(steps, known, outcome)
    } catch (cause) {
      steps.release(known.exchangeId)
      return await refuse(steps, known, withAudience(asProblem(cause, signal), known, steps))
    }
  }
}

/** The same decision, asked for its reasons: nothing is settled, authorised or issued. */
function explained(
  steps: ExchangeSteps,
  known: Known,
  gathered: Gathered,
  requester: Requester,
): Extract<Outcome, { kind: 'explained' }> {
  const explanation = explain(gathered, requester, (allowance) => steps.requireBudget(allowance, requester))
  if (explanation.allowance !== undefined) known.allowance = explanation.allowance
  return { kind: 'explained', explanation, exchangeId: known.exchangeId }
}

function requireActor(proof: ControllerProof): Extract<ControllerProof, { isController: true }> {
  if (proof.isController) return proof
  throw new Problem('actor_not_allowed', { detail: proof.why })
}

/** Door `token` ends in a token, door `authorize` in a run authorisation; the decision before was the same. */
async function conclude(
  steps: ExchangeSteps,
  known: Known,
  allowance: Allowance,
  requester: Requester,
  gathered: Gathered,
  signal: AbortSignal,
): Promise<Exclude<Outcome, { kind: 'refused' }>> {
  if (known.incoming.door === 'authorize') {
    return { kind: 'authorized', authorization: steps.authorize(allowance, gathered), exchangeId: known.exchangeId }
  }
  const grant = steps.settle(known.exchangeId, allowance, requester, gathered.into)
  if (steps.callsUpstream(grant)) await record(steps, known, { kind: 'intended', grant })
  return { kind: 'granted', grant, issued: await steps.issue(grant, signal) }
}

async function recordAndAnswer(
  steps: ExchangeSteps,
  known: Known,
  outcome: Exclude<Outcome, { kind: 'refused' }>,
): Promise<Answer> {
  const receipt = await record(steps, known, outcome)
  steps.observe(known, outcome)
  return answer(outcome, receipt)
}

function record(steps: ExchangeSteps, known: Known, what: Recordable): Promise<Receipt> {
  return steps.record(entryFor(known, what, steps.clock()))
}

/**
 * Reasons that are counted instead of recorded one by one, so that nobody fills the disk from outside. Who waits for
 * people asks again and again; that they were asked, and what they said, has records of its own.
 */
const countedReasons: readonly ProblemReason[] = [
  'rate_limited',
  'audit_unavailable',
  'approval_pending',
  'approval_slow_down',
]

function isCounted(known: Known, problem: Problem): boolean {
  return known.requester === undefined || countedReasons.includes(problem.reason)
}

/** The issuer URL is public, and the signature of the token was good: whoever asks why is told which audience it takes. */
function withAudience(problem: Problem, { incoming }: Known, { expectedAudience }: ExchangeSteps): Problem {
  if (incoming.door !== 'explain' || problem.reason !== 'subject_token_audience') return problem
  if (expectedAudience === undefined) return problem
  const mend = `The subject token is for another audience: its projected volume has to say audience: ${expectedAudience}`
  return new Problem(problem.reason, { mend, detail: problem.detail ?? 'audience', cause: problem })
}

async function refuse(steps: ExchangeSteps, known: Known, problem: Problem): Promise<Answer> {
  const refusal: Outcome = {
    kind: 'refused',
    problem,
    exchangeId: known.exchangeId,
    isJwtBearer: known.request?.grantType === 'jwt-bearer',
  }
  if (isCounted(known, problem)) {
    steps.observe(known, refusal)
    return answer(refusal, steps.count(known.incoming.door, problem.reason))
  }
  try {
    const receipt = await record(steps, known, refusal)
    steps.observe(known, refusal)
    return answer(refusal, receipt)
  } catch (cause) {
    // Not even the refusal can be recorded: then the answer is that, and it is counted.
    const unrecorded: Outcome = { ...refusal, problem: asProblem(cause) }
    steps.observe(known, unrecorded)
    return answer(unrecorded, steps.count(known.incoming.door, unrecorded.problem.reason))
  }
}

/** Everything that is thrown is a Problem, or a bug, and a bug is not shown to the caller. */
export function asProblem(cause: unknown, signal?: AbortSignal): Problem {
  if (cause instanceof Problem) return cause
  if (signal?.aborted) return new Problem('deadline_exceeded', { cause })
  return new Problem('internal_error', { detail: cause instanceof Error ? cause.name : 'unknown', cause })
}
