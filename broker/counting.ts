import type { AuditRequest } from '../core/audit/event.ts'
import type { WorkloadClaims } from '../core/identity/workload.ts'
import type { ProblemReason } from '../core/problem.ts'
import type { Counted } from './answer.ts'
import type { Suppressor } from './audit/suppress.ts'

interface Deps {
  /** Adds to the aggregate that becomes one `suppressed` record for each window. */
  readonly suppress: Suppressor['note']
  readonly meter: (door: string, reason: ProblemReason) => void
}

/** @param caller where it proved who it is */
export type CountRefusal = (door: AuditRequest['door'], reason: ProblemReason, caller?: WorkloadClaims) => Counted

/** Counts what is not recorded one by one. @returns the only maker of {@link Counted} */
export function createCountRefusal({ suppress, meter }: Deps): CountRefusal {
  return function countRefusal(door, reason, caller) {
    if (caller === undefined) suppress(door, reason)
    else {
      const { cluster, namespace, serviceAccount } = caller
      suppress(door, reason, { cluster, namespace, service_account: serviceAccount.name })
    }
    meter(door, reason)
    return { reason } as Counted
  }
}
