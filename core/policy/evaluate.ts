import { Problem } from '../problem.ts'
import { agentUnder } from './agents.ts'
import type {
  AgentFacts,
  Allowance,
  AllowanceFields,
  ApprovalNeed,
  Facts,
  PolicyFacts,
  Provider,
  Verdict,
} from './allowance.ts'
import { approvalNeeds } from './approval-needs.ts'
import type { ProvidedInput } from './rule.ts'
import { rules } from './rules.ts'
import { ttlSeconds } from './ttl.ts'

/** One candidate policy with what every rule said of it. */
export interface Judgement {
  readonly candidate: PolicyFacts
  readonly verdicts: readonly Verdict[]
  readonly refusal: RefusingVerdict | undefined
  /** Set where the rules for agents apply under this policy. */
  readonly agent: AgentFacts | undefined
}

/**
 * Judges every candidate; for dry runs and explanations as well as for decisions.
 * Policies add up as RBAC does, so each is judged on its own.
 */
export function judge(facts: Facts): readonly Judgement[] {
  return facts.candidates.map((candidate) => {
    const { provider } = candidate
    const agent = provider === undefined ? facts.agent : agentUnder(facts, { policy: candidate.policy, provider })
    const verdicts = verdictsOn({ ...facts, agent }, candidate)
    const refusal = verdicts.find((v): v is RefusingVerdict => !v.isAllowed)
    return { candidate, verdicts, refusal, agent }
  })
}

/**
 * Decides: among the candidates that nothing is said against one that needs no person comes first, then name order. Else
 * a refusal by the candidate that came furthest, which is the one whose mend is nearest.
 *
 * @throws Problem the first refusal's reason, or `policy_unknown` where there is no candidate
 */
export function evaluate(facts: Facts): Allowance {
  const judgements = judge(facts)
  const allowed = judgements.flatMap((judgement) => allowedBy(judgement))
  const chosen = allowed.find(({ approvals }) => approvals.length === 0) ?? allowed[0]
  if (chosen !== undefined) return allowance(facts, chosen, judgements)
  // A policy on trial says nothing where one in force was asked too.
  const nearest = nearestRefusal(judgements.filter((j) => !isOnTrial(j))) ?? nearestRefusal(judgements)
  if (nearest?.refusal === undefined) throw new Problem('policy_unknown', { detail: 'no policy to judge' })
  throw new Refused(nearest, isOnTrial(nearest) ? dryRun(nearest.refusal) : nearest.refusal)
}

/** What a policy in mode DryRun would have done; undefined for one in mode Enforce. */
export function trialVerdict(judgement: Judgement): 'would_grant' | 'would_deny' | undefined {
  if (!isOnTrial(judgement)) return undefined
  // Rule mode is the last: where it is the first to refuse, everything else allows.
  return judgement.refusal?.reason === 'policy_dry_run' ? 'would_grant' : 'would_deny'
}

function isOnTrial({ candidate }: Judgement): boolean {
  return candidate.policy.spec.mode === 'DryRun'
}

/** Whatever else it says goes into the record; who asks is told that nothing comes of this policy. */
function dryRun({ rule, detail }: RefusingVerdict): RefusingVerdict {
  return { rule, isAllowed: false, reason: 'policy_dry_run', detail }
}

type RefusingVerdict = Extract<Verdict, { isAllowed: false }>

/** A refusal by policy: carries what the record shows of it. */
export class Refused extends Problem {
  readonly judgement: Judgement

  constructor(judgement: Judgement, refusal: RefusingVerdict, mend?: string) {
    const detail = `${judgement.candidate.policy.name}: ${refusal.rule}: ${refusal.detail}`
    const sentence = mend ?? refusal.mend
    super(refusal.reason, { detail, ...(sentence === undefined ? {} : { mend: sentence }) })
    this.judgement = judgement
  }
}

/** What a rule asks, by the name that a verdict has. */
export function ruleText(name: string): string {
  return rules.find((rule) => rule.name === name)?.explain ?? providerExists.explain
}

/** Before all rules, as they look at the provider. */
const providerExists = { name: 'provider-exists', explain: 'The provider of the policy exists and can be used.' }

/** The names that verdicts have, in the order in which is judged. */
export const ruleNames: readonly string[] = [providerExists, ...rules].map(({ name }) => name)

function verdictsOn(facts: Facts, candidate: PolicyFacts): readonly Verdict[] {
  const { provider } = candidate
  if (provider === undefined) {
    const detail = `provider ${candidate.policy.spec.providerRef.name} does not exist or is not usable`
    return [{ rule: providerExists.name, isAllowed: false, reason: 'provider_unknown', detail }]
  }
  const input: ProvidedInput = {
    ...candidate,
    provider,
    request: facts.request,
    subject: facts.subject,
    run: facts.run,
    agent: facts.agent,
  }
  return rules.map((rule): Verdict => {
    const refusal = rule.check(input)
    return refusal === undefined
      ? { rule: rule.name, isAllowed: true }
      : { rule: rule.name, isAllowed: false, ...refusal }
  })
}

function nearestRefusal(judgements: readonly Judgement[]): Judgement | undefined {
  let nearest: Judgement | undefined
  for (const judgement of judgements) {
    if (nearest === undefined || distance(judgement) > distance(nearest)) nearest = judgement
  }
  return nearest
}

function distance(judgement: Judgement): number {
  return judgement.verdicts.findIndex((v) => !v.isAllowed)
}

interface Allowed {
  readonly judgement: Judgement
  readonly provider: Provider
  readonly approvals: readonly ApprovalNeed[]
}

function allowedBy(judgement: Judgement): readonly Allowed[] {
  const { refusal, candidate, agent } = judgement
  const { provider } = candidate
  if (refusal !== undefined || provider === undefined) return []
  return [{ judgement, provider, approvals: approvalNeeds({ ...candidate, provider, agent }) }]
}

function allowance(facts: Facts, { judgement, provider, approvals }: Allowed, all: readonly Judgement[]): Allowance {
  const { candidate, agent } = judgement
  const { policy, scopes, rbac } = candidate
  const fields: AllowanceFields = {
    subject: facts.subject,
    run: facts.run,
    policy,
    provider,
    audience: policy.spec.audience,
    scopes: [...new Set(scopes)].sort(),
    ttlSeconds: ttlSeconds({ policy, provider, request: facts.request, agent }),
    approvals,
    agent,
    rbac,
    verdicts: judgement.verdicts,
    others: all
      .filter((j) => j !== judgement)
      .map((j) => ({ name: j.candidate.policy.name, reason: trialVerdict(j) ?? j.refusal?.reason ?? 'allowed' })),
  }
  return fields as Allowance
}
