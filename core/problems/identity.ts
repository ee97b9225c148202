import type { ProblemRow } from './row.ts'

/** One text for every way a subject token can be unacceptable: the reason goes to the audit record only. */
const subjectTokenMend =
  'The subject token was not accepted: send the projected ServiceAccount token of the running pod, with the issuer URL of this broker as its only audience'
const subject = {
  oauth: 'invalid_request',
  status: 400,
  outcome: 'denied',
  mend: subjectTokenMend,
} as const satisfies ProblemRow

const actorTokenMend =
  'The actor token was not accepted: only the controller of this installation may act for a CustomRun'
const actor = {
  oauth: 'invalid_request',
  status: 400,
  outcome: 'denied',
  mend: actorTokenMend,
} as const satisfies ProblemRow

/** A token of a workload or of the controller that is not accepted. */
export const identityProblems = {
  subject_token_malformed: subject,
  subject_token_forbidden_header: subject,
  subject_token_algorithm: subject,
  subject_token_issuer: subject,
  subject_token_key: subject,
  subject_token_signature: subject,
  subject_token_claims: subject,
  subject_token_audience: subject,
  subject_token_expired: subject,
  subject_token_not_yet_valid: subject,
  subject_token_lifetime: subject,
  subject_token_unbound: subject,
  subject_token_rejected: subject,
  workload_gone: subject,
  workload_mismatch: subject,
  actor_token_refused: actor,
  actor_not_allowed: actor,
} as const satisfies Readonly<Record<string, ProblemRow>>
