/** Why an expression is not one of the language of policies. */
export class ExpressionProblem extends Error {
  override readonly name = 'ExpressionProblem'
  /** First character of the part that is meant, from 0. */
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}
