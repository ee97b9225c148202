import { type Judgement, ruleText, trialVerdict } from '../../../core/policy/evaluate.ts'
import { problems } from '../../../core/problem.ts'

/**
 * A candidate as a person reads it: first each rule that refuses, with what was found and the mend, then those that allow.
 *
 * @param isWide names the rules that allow; else they are counted
 */
export function judgementLines(judgement: Judgement, isWide: boolean): readonly string[] {
  const { policy } = judgement.candidate
  const decision = trialVerdict(judgement) ?? (judgement.refusal === undefined ? 'allow' : 'deny')
  const refusing = judgement.verdicts.flatMap((verdict) => {
    if (verdict.isAllowed) return []
    const mend = verdict.mend ?? problems[verdict.reason].mend
    return [
      `  DENY   ${verdict.rule.padEnd(20)} ${ruleText(verdict.rule)}`,
      `         ${''.padEnd(20)} ${verdict.detail}`,
      `         ${''.padEnd(20)} -> ${mend}.`,
    ]
  })
  const allowing = judgement.verdicts.filter(({ isAllowed }) => isAllowed)
  const rest = isWide
    ? allowing.map(({ rule }) => `  allow  ${rule.padEnd(20)} ${ruleText(rule)}`)
    : allowing.slice(0, 1).map(() => `  allow  ${rulesOf(allowing.length)}: -o wide names them`)
  return [`${policy.kind} ${policy.name}: ${decision}`, ...refusing, ...rest]
}

function rulesOf(count: number): string {
  return count === 1 ? '1 rule' : `${count} rules`
}
