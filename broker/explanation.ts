import type { Allowance, ApprovalNeed, Verdict } from '../core/policy/allowance.ts'
import { type Judgement, judge, ruleText, trialVerdict } from '../core/policy/evaluate.ts'
import { isRoleOfUse, missingRole } from '../core/policy/missing-role.ts'
import { Problem, problems } from '../core/problem.ts'
import { decide } from './decide.ts'
import type { Gathered, Requester } from './known.ts'

/** What the decision would be, and what every rule of every policy says to it. */
export interface Explanation {
  readonly decision: 'allow' | 'deny' | 'needs-approval'
  readonly gathered: Gathered
  readonly judgements: readonly Judgement[]
  /** What the decision rests on; undefined where it is a refusal. */
  readonly allowance: Allowance | undefined
  /** What an exchange would be answered; undefined where it would be allowed. */
  readonly refusal: Problem | undefined
}

/** Decides as an exchange is decided, and keeps what led there. @throws what is no decision */
export function explain(
  gathered: Gathered,
  requester: Requester,
  /** What an exchange is held to besides. @throws Problem */
  requireBudget: (allowance: Allowance) => void = () => undefined,
): Explanation {
  const judgements = judge(gathered.facts)
  try {
    const allowance = decide(gathered, requester)
    requireBudget(allowance)
    const decision = allowance.approvals.length > 0 ? 'needs-approval' : 'allow'
    return { decision, gathered, judgements, allowance, refusal: undefined }
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause
    return { decision: 'deny', gathered, judgements, allowance: undefined, refusal: cause }
  }
}

/**
 * As the workload is told: names of policies and rules, verdicts and mends. A verdict's `detail` stays out, since it may
 * name what the policy expects, and the Role says only scopes that the request itself names.
 */
export function describeExplanation({ decision, gathered, judgements, allowance, refusal }: Explanation): object {
  const { request, run, subject } = gathered.facts
  return {
    decision,
    ...(allowance && describeAllowance(allowance)),
    ...(refusal && { error: refusal.row.oauth, error_description: refusal.mend, reason: refusal.reason }),
    namespace: subject.namespace,
    service_accounts: subject.serviceAccounts,
    assurance: run.assurance,
    candidates: judgements.map((judgement) => describeCandidate(judgement, request.scopes ?? [], subject.namespace)),
  }
}

/** No more than the token itself would say. */
function describeAllowance({ policy, audience, scopes, ttlSeconds, approvals }: Allowance): object {
  return {
    policy: policy.name,
    audience,
    scope: scopes.join(' '),
    ttl_seconds: ttlSeconds,
    ...(approvals.length > 0 && { approvals: approvals.map(describeNeed) }),
  }
}

/** Groups are names that the policy expects, so only the number is told. */
function describeNeed({ required }: ApprovalNeed): object {
  return { required }
}

function describeCandidate(judgement: Judgement, asked: readonly string[], namespace: string): object {
  const { candidate, verdicts, refusal } = judgement
  const { policy } = candidate
  const missing = candidate.rbac.filter(({ isAllowed, scope }) => !isAllowed && asked.includes(scope))
  return {
    policy: policy.name,
    kind: policy.kind,
    generation: policy.generation,
    mode: policy.spec.mode,
    decision: trialVerdict(judgement) ?? (refusal === undefined ? 'allow' : 'deny'),
    rules: verdicts.map(describeVerdict),
    ...(isRoleOfUse(judgement) && missing.length > 0 && { missing_role: missingRole(policy.name, namespace, missing) }),
  }
}

function describeVerdict(verdict: Verdict): object {
  const told = { rule: verdict.rule, explain: ruleText(verdict.rule), verdict: verdict.isAllowed ? 'allow' : 'deny' }
  if (verdict.isAllowed) return told
  return { ...told, reason: verdict.reason, mend: verdict.mend ?? problems[verdict.reason].mend }
}
