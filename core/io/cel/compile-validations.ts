import type { CompiledValidation } from '../../policy/allowance.ts'
import { compileExpression } from './compile-expression.ts'

interface Written {
  readonly name: string
  readonly expression: string
  readonly message: string
}

/** Compiles the validations of a policy, once, when the policy is read. One that cannot be compiled refuses everything. */
export function compileValidations(validations: readonly Written[] = []): readonly CompiledValidation[] {
  return validations.map(({ name, message, expression }) => {
    const compiled = compileExpression(expression)
    return compiled.ok
      ? { name, message, cost: compiled.cost, check: compiled.test }
      : { name, message, cost: 0, problem: compiled.problem, check: () => 'error' }
  })
}
