import type { ProblemRow } from './row.ts'

/** A run or CustomRun that cannot be given anything. */
export const runProblems = {
  custom_run_not_found: {
    oauth: 'invalid_request',
    status: 400,
    outcome: 'denied',
    mend: 'The CustomRun does not exist, is another object of that name, or has ended',
  },
  custom_run_changed: {
    oauth: 'invalid_request',
    status: 400,
    outcome: 'denied',
    mend: 'The CustomRun is not what its PipelineRun says: run the pipeline again and leave its CustomRun unedited',
  },
  custom_run_params: {
    oauth: 'invalid_request',
    status: 400,
    outcome: 'denied',
    mend: 'The params of the TokenExchange task are not usable',
  },
  run_ended: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The run has ended or was revoked, and with it everything it was given: start a new run',
  },
  run_unsettled: {
    oauth: 'temporarily_unavailable',
    status: 503,
    outcome: 'failed',
    mend: 'Tekton has not linked this pod to its run yet: try again as Retry-After says',
  },
  access_revoked: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'What this workload was given has been withdrawn by a person: ask the platform team',
  },
} as const satisfies Readonly<Record<string, ProblemRow>>
