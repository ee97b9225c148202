import type { AuditRequest } from '../core/audit/event.ts'
import type { ProblemReason } from '../core/problem.ts'
import type { Counted } from './answer.ts'

interface Deps {
  /** Adds to the aggregate that becomes one `suppressed` record for each window. */
  readonly suppress: (door: AuditRequest['door'], reason: ProblemReason) => void
  readonly meter: (door: string, reason: ProblemReason) => void
}

export type CountRefusal = (door: AuditRequest['door'], reason: ProblemReason) => Counted

/** Counts what is not recorded one by one. @returns the only maker of {@link Counted} */
export function createCountRefusal({ suppress, meter }: Deps): CountRefusal {
  return function countRefusal(door, reason) {
    suppress(door, reason)
    meter(door, reason)
    return { reason } as Counted
  }
}
