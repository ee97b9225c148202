import type { CompiledValidation } from './allowance.ts'

/**
 * Steps that all validations of one policy together may take at most, which is less than a millisecond. A step is one
 * visit of a node, or ten characters that are looked at.
 */
export const maxValidationCost = 10_000

/** What the validations of a policy cost at most, in steps. */
export function validationCost(validations: readonly CompiledValidation[]): number {
  return validations.reduce((sum, { cost }) => sum + cost, 0)
}
