import type { ProblemRow } from './row.ts'

/** A person who has to say yes, and has not. */
export const approvalProblems = {
  approval_pending: {
    oauth: 'authorization_pending',
    status: 400,
    outcome: 'denied',
    mend: 'A person has to approve this first: ask again after interval',
  },
  approval_slow_down: {
    oauth: 'slow_down',
    status: 400,
    outcome: 'denied',
    mend: 'A person has to approve this first, and it is asked for too often: wait for interval',
  },
  approval_rejected: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'A person rejected this: start a new run to ask again',
  },
  approval_expired: {
    oauth: 'expired_token',
    status: 400,
    outcome: 'denied',
    mend: 'Nobody approved this in time: start a new run to ask again',
  },
  approval_unavailable: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'This needs a person, and nothing in the cluster holds decisions against the person who makes them: tell the platform team to install the admission policies',
  },
} as const satisfies Readonly<Record<string, ProblemRow>>
