import { Problem, type ProblemReason } from '../../core/problem.ts'

/** The problem that a call ends in. @throws Error when it ends in none, and whatever else it throws */
export function problemOf(call: () => unknown): Problem {
  try {
    call()
  } catch (error) {
    if (error instanceof Problem) return error
    throw error
  }
  throw new Error('the call did not fail')
}

/** Why a call is refused, or undefined when it is not. */
export function reasonOf(call: () => unknown): ProblemReason | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    if (error instanceof Problem) return error.reason
    throw error
  }
}

/** The problem that a promise ends in. @throws Error when it ends in none */
export async function rejection(promise: Promise<unknown>): Promise<Problem> {
  const error: unknown = await promise.then(
    () => new Error('the promise was fulfilled'),
    (reason: unknown) => reason,
  )
  if (error instanceof Problem) return error
  throw error
}
