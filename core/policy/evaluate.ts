import { parseDuration } from '../duration.ts'
import { Problem } from '../problem.ts'
import type { Allowance, AllowanceFields, Facts, PolicyFacts, Provider, Verdict } from './allowance.ts'
import type { ProvidedInput } from './rule.ts'
import { rules } from './rules.ts'

/** One candidate policy with what every rule said of it. */
export interface Judgement {
  readonly candidate: PolicyFacts
  readonly verdicts: readonly Verdict[]
  readonly refusal: Extract<Verdict, { isAllowed: false }> | undefined
}

/**
 * Judges every candidate; for dry runs and explanations as well as for decisions.
 * Policies add up as RBAC does, so each is judged on its own.
 */
export function judge(facts: Facts): readonly Judgement[] {
  return facts.candidates.map((candidate) => {
    const verdicts = verdictsOn(facts, candidate)
    const refusal = verdicts.find((v): v is Extract<Verdict, { isAllowed: false }> => !v.isAllowed)
    return { candidate, verdicts, refusal }
  })
}

/**
 * Decides: the first candidate (in name order) that nothing is said against, else a refusal by the candidate that came
 * furthest, which is the one whose mend is nearest.
 *
 * @throws Problem the first refusal's reason, or `policy_unknown` where there is no candidate
 */
export function evaluate(facts: Facts): Allowance {
  const judgements = judge(facts)
  const allowed = judgements.find((j) => j.refusal === undefined)
  if (allowed?.candidate.provider !== undefined)
    return allowance(facts, allowed, allowed.candidate.provider, judgements)
  const nearest = nearestRefusal(judgements)
  if (nearest?.refusal === undefined) throw new Problem('policy_unknown', { detail: 'no policy to judge' })
  throw new Refused(nearest, nearest.refusal)
}

/** A refusal by policy: carries what the record shows of it. */
export class Refused extends Problem {
  readonly judgement: Judgement

  constructor(judgement: Judgement, refusal: Extract<Verdict, { isAllowed: false }>, mend?: string) {
    const detail = `${judgement.candidate.policy.name}: ${refusal.rule}: ${refusal.detail}`
    const sentence = mend ?? refusal.mend
    super(refusal.reason, { detail, ...(sentence === undefined ? {} : { mend: sentence }) })
    this.judgement = judgement
  }
}

function verdictsOn(facts: Facts, candidate: PolicyFacts): readonly Verdict[] {
  const { provider } = candidate
  if (provider === undefined) {
    const detail = `provider ${candidate.policy.spec.providerRef.name} does not exist or is not usable`
    return [{ rule: 'provider-exists', isAllowed: false, reason: 'provider_unknown', detail }]
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

function allowance(facts: Facts, chosen: Judgement, provider: Provider, all: readonly Judgement[]): Allowance {
  const { policy, scopes, rbac } = chosen.candidate
  const fields: AllowanceFields = {
    subject: facts.subject,
    run: facts.run,
    policy,
    provider,
    audience: policy.spec.audience,
    scopes: [...new Set(scopes)].sort(),
    ttlSeconds: ttlSeconds(facts, policy.spec.ttl, provider.spec.limits.maxTTL),
    approvals: [],
    agent: facts.agent,
    rbac,
    verdicts: chosen.verdicts,
    others: all
      .filter((j) => j !== chosen)
      .map((j) => ({ name: j.candidate.policy.name, reason: j.refusal?.reason ?? 'allowed' })),
  }
  return fields as Allowance
}

function ttlSeconds(facts: Facts, ttl: string, maxTTL: string): number {
  const limits = [parseDuration(ttl), parseDuration(maxTTL)].map((seconds) => seconds ?? 0)
  return Math.min(...limits, facts.request.requestedExpirySeconds ?? Number.POSITIVE_INFINITY)
}
