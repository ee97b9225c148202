import { Problem } from '../../core/problem.ts'

/** How often whoever waits may ask, in seconds. @see RFC 8628 §3.2 */
export const pollIntervalSeconds = 5

/** What became of a question to people, for who asks on behalf of the run. */
export interface AskedPeople {
  /** Name of the TokenApproval. */
  readonly approval: string
  readonly intervalSeconds: number
  readonly expiresInSeconds: number
}

/** People have not said yes: not yet, or not in time, or they said no. */
export class NotApproved extends Problem {
  readonly asked: AskedPeople

  constructor(
    reason: 'approval_pending' | 'approval_slow_down' | 'approval_rejected' | 'approval_expired',
    asked: AskedPeople,
    mend?: string,
  ) {
    super(reason, { detail: `TokenApproval ${asked.approval}`, ...(mend === undefined ? {} : { mend }) })
    this.asked = asked
  }
}
