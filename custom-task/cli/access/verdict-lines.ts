import { type Judgement, ruleText, trialVerdict } from '../../../core/policy/evaluate.ts'
import { problems } from '../../../core/problem.ts'

/** A candidate as a person reads it: each rule with its verdict, and below a refusal what was found and the mend. */
export function judgementLines(judgement: Judgement): readonly string[] {
  const { policy } = judgement.candidate
  const decision = trialVerdict(judgement) ?? (judgement.refusal === undefined ? 'allow' : 'deny')
  const rows = judgement.verdicts.flatMap((verdict) => {
    if (verdict.isAllowed) return [`  allow  ${verdict.rule.padEnd(20)} ${ruleText(verdict.rule)}`]
    const mend = verdict.mend ?? problems[verdict.reason].mend
    return [
      `  DENY   ${verdict.rule.padEnd(20)} ${ruleText(verdict.rule)}`,
      `         ${''.padEnd(20)} ${verdict.detail}`,
      `         ${''.padEnd(20)} -> ${mend}.`,
    ]
  })
  return [`${policy.kind} ${policy.name}: ${decision}`, ...rows]
}
