import type { ProblemReason } from '../problem.ts'
import type { Facts, PolicyFacts, Provider } from './allowance.ts'

/** What a rule looks at: one candidate policy, and the request as a whole. */
export interface RuleInput extends PolicyFacts {
  readonly request: Facts['request']
  readonly subject: Facts['subject']
  readonly run: Facts['run']
  readonly agent: Facts['agent']
}

/** Input of every rule behind `provider-exists`. */
export interface ProvidedInput extends RuleInput {
  readonly provider: Provider
}

export interface Refusal {
  readonly reason: ProblemReason
  /** For operators and the audit record; may name policy contents. */
  readonly detail: string
  /** The accounts that are refused, where not all are. */
  readonly serviceAccounts?: readonly string[]
  /** Public sentence in place of the reason's own; the character set of RFC 6749 §5.2. */
  readonly mend?: string
}

/** One condition, judged by a pure function: `undefined` means nothing against it. */
export interface Rule {
  /** Kebab-case, stable: it is in audit records, metrics and explanations. */
  readonly name: string
  /** What the rule asks, for explanations; says nothing of a policy's values. */
  readonly explain: string
  check(input: ProvidedInput): Refusal | undefined
}
