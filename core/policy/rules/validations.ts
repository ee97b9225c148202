import { isNamedByRun } from '../agents.ts'
import type { CompiledValidation } from '../allowance.ts'
import { maxValidationCost, validationCost } from '../compiled-validations.ts'
import { expressionVariables } from '../expression-variables.ts'
import type { ProvidedInput, Refusal, Rule } from '../rule.ts'

export const validations = {
  name: 'validations',
  explain: 'Every validation of the policy holds.',
  check(input) {
    const compiled = input.policy.validations
    if (compiled.length === 0) return undefined
    if (validationCost(compiled) > maxValidationCost) {
      return { reason: 'policy_not_ready', detail: `validations cost more than ${maxValidationCost} steps` }
    }
    for (const variables of readings(input)) {
      for (const validation of compiled) {
        const verdict = variables === undefined ? 'error' : validation.check(variables)
        if (verdict !== 'true') return refusal(validation, verdict)
      }
    }
    return undefined
  },
} satisfies Rule

/** A run that calls itself an agent is judged as one and as none: no expression about `agent` lets it in for its word. */
function readings(input: ProvidedInput): readonly ReturnType<typeof expressionVariables>[] {
  const asIs = expressionVariables(input)
  if (input.agent === undefined || !isNamedByRun(input.agent)) return [asIs]
  return [asIs, expressionVariables({ ...input, agent: undefined })]
}

function refusal({ name, message, problem }: CompiledValidation, verdict: 'false' | 'error'): Refusal {
  if (problem !== undefined) return { reason: 'policy_not_ready', detail: `validation ${name}: ${problem}` }
  if (verdict === 'false') {
    return {
      reason: 'validation_failed',
      detail: `validation ${name} is false`,
      mend: printable(`Validation ${name} refuses this: ${message}`),
    }
  }
  return {
    reason: 'validation_error',
    detail: `validation ${name} cannot be evaluated: a member is absent or of another type`,
    mend: printable(`Validation ${name} cannot be evaluated for this request, and so it refuses: ${message}`),
  }
}

/** What RFC 6749 §5.2 lets stand in a description; quotes are written as people would in its place. */
function printable(text: string): string {
  return text
    .replaceAll('"', "'")
    .replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?')
    .replace(/[.\s]+$/, '')
}
