import type { ProblemRow } from './row.ts'

/** The broker or something that it needs does not work. */
export const serviceProblems = {
  audit_unavailable: {
    oauth: 'temporarily_unavailable',
    status: 503,
    outcome: 'failed',
    mend: 'The audit stream cannot be written, so nothing is granted: try again as Retry-After says',
  },
  kubernetes_unavailable: {
    oauth: 'temporarily_unavailable',
    status: 503,
    outcome: 'failed',
    mend: 'The Kubernetes API did not answer: try again as Retry-After says',
  },
  kubernetes_refused: {
    oauth: 'temporarily_unavailable',
    status: 503,
    outcome: 'failed',
    mend: 'The Kubernetes API refused the broker itself: tell the platform team to apply and bind the RBAC of the broker',
  },
  provider_unavailable: {
    oauth: 'temporarily_unavailable',
    status: 503,
    outcome: 'failed',
    mend: 'The token provider did not answer: try again as Retry-After says',
  },
  provider_answer_invalid: {
    oauth: 'server_error',
    status: 502,
    outcome: 'failed',
    mend: 'The token provider gave an answer that cannot be used: tell the platform team the exchange id',
  },
  deadline_exceeded: {
    oauth: 'temporarily_unavailable',
    status: 503,
    outcome: 'failed',
    mend: 'The request took too long: try again as Retry-After says',
  },
  draining: {
    oauth: 'temporarily_unavailable',
    status: 503,
    outcome: 'failed',
    mend: 'This broker is stopping: try again as Retry-After says',
  },
  internal_error: {
    oauth: 'server_error',
    status: 500,
    outcome: 'failed',
    mend: 'The broker failed: tell the platform team the exchange id',
  },
} as const satisfies Readonly<Record<string, ProblemRow>>
