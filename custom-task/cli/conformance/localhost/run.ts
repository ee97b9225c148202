import type { Check, Seen } from './check.ts'
import type { Subject } from './subject.ts'
import { NoAnswer } from './wire.ts'

export interface Outcome {
  readonly check: Check
  /** Undefined when the clause is kept. */
  readonly seen: Seen
}

/** Makes the checks one after the other: some fill the server on purpose. */
export async function* runConformance(
  checks: readonly Check[],
  subject: Subject,
): AsyncGenerator<Outcome, void, undefined> {
  for (const check of checks) {
    subject.signal.throwIfAborted()
    yield { check, seen: await check.run(subject).catch((error: unknown) => seenInstead(error)) }
  }
}

/** Answers that do not come and files that are not there break a clause as wrong ones do. */
function seenInstead(error: unknown): string {
  if (error instanceof NoAnswer) return error.message
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return `a file: ${error.code}`
  throw error
}
