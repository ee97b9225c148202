import type { OAuthError } from './oauth/vocabulary.ts'

interface Row {
  readonly oauth: OAuthError
  readonly status: number
  readonly outcome: 'denied' | 'failed'
  /** Public sentence that says the mend. Only %x20-21 / %x23-5B / %x5D-7E (RFC 6749 §5.2), no final period. */
  readonly mend: string
}

/** One text for every way a subject token can be unacceptable: the reason goes to the audit record only. */
const subjectTokenMend =
  'The subject token was not accepted: send the projected ServiceAccount token of the running pod, with the issuer URL of this broker as its only audience'
const subject = {
  oauth: 'invalid_request',
  status: 400,
  outcome: 'denied',
  mend: subjectTokenMend,
} as const satisfies Row

const actorTokenMend =
  'The actor token was not accepted: only the controller of this installation may act for a CustomRun'
const actor = { oauth: 'invalid_request', status: 400, outcome: 'denied', mend: actorTokenMend } as const satisfies Row

const target = {
  oauth: 'invalid_target',
  status: 400,
  outcome: 'denied',
  mend: 'No ready policy of this namespace has this name or allows this audience: compare the request with kubectl get tokenpolicies',
} as const satisfies Row

/**
 * Every way a request can end other than with a token: reason (audit record, logs, metrics) to OAuth answer.
 * `docs/errors.md` is held against this table by a test.
 *
 * @see RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 8628 §3.5
 */
export const problems = {
  method_not_allowed: { oauth: 'invalid_request', status: 405, outcome: 'denied', mend: 'Use POST' },
  unsupported_media_type: {
    oauth: 'invalid_request',
    status: 400,
    outcome: 'denied',
    mend: 'Send the parameters as application/x-www-form-urlencoded in UTF-8, without content encoding',
  },
  request_too_large: {
    oauth: 'invalid_request',
    status: 413,
    outcome: 'denied',
    mend: 'The request is over a size limit: at most 32 KiB, 16 parameters, 16 KiB for one value',
  },
  malformed_request: {
    oauth: 'invalid_request',
    status: 400,
    outcome: 'denied',
    mend: 'The request is malformed: every parameter once, percent-encoded UTF-8, no empty values',
  },
  parameter_missing: {
    oauth: 'invalid_request',
    status: 400,
    outcome: 'denied',
    mend: 'A required parameter is missing',
  },
  parameter_invalid: {
    oauth: 'invalid_request',
    status: 400,
    outcome: 'denied',
    mend: 'A parameter has a value that is not allowed',
  },
  unsupported_grant_type: {
    oauth: 'unsupported_grant_type',
    status: 400,
    outcome: 'denied',
    mend: 'Use the grant type token-exchange (RFC 8693) or jwt-bearer (RFC 7523)',
  },
  scope_malformed: {
    oauth: 'invalid_scope',
    status: 400,
    outcome: 'denied',
    mend: 'The scope is malformed: distinct scope names separated by single spaces',
  },
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
  policy_unknown: target,
  audience_not_allowed: target,
  provider_unknown: target,
  provider_namespace: target,
  policy_not_ready: {
    oauth: 'invalid_target',
    status: 400,
    outcome: 'denied',
    mend: 'The policy is not ready: its condition Ready says what to mend, see kubectl describe tokenpolicy',
  },
  policy_suspended: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy or its provider is suspended: ask the platform team',
  },
  policy_dry_run: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy is in mode DryRun and grants nothing: set mode to Enforce',
  },
  policy_unsupported: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy uses a condition that this broker cannot judge yet, so it grants nothing',
  },
  scope_not_allowed: {
    oauth: 'invalid_scope',
    status: 400,
    outcome: 'denied',
    mend: 'The policy does not allow a scope of this request: ask for a scope that it lists',
  },
  service_account_not_allowed: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy names other ServiceAccounts: run the task with one of them, or add this one to the policy',
  },
  secret_delivery_not_allowed: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The provider of the policy does not let tokens be put into Secrets: use deliver: sidecar, or ask the platform team for limits.secretDelivery',
  },
  rbac_denied: {
    oauth: 'invalid_scope',
    status: 400,
    outcome: 'denied',
    mend: 'The ServiceAccount may not exchange a scope of this request: grant verb exchange on the tokenscopes by a Role and RoleBinding',
  },
  caller_unauthenticated: {
    oauth: 'invalid_client',
    status: 401,
    outcome: 'denied',
    mend: 'Authenticate with the projected ServiceAccount token of the pod as Authorization: Bearer',
  },
  caller_not_allowed: {
    oauth: 'access_denied',
    status: 403,
    outcome: 'denied',
    mend: 'This ServiceAccount may not ask that: the configuration of the broker lists who may',
  },
  rate_limited: {
    oauth: 'temporarily_unavailable',
    status: 429,
    outcome: 'denied',
    mend: 'Too many requests: wait as Retry-After says',
  },
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
} as const satisfies Record<string, Row>

/** Closed list of reasons; the key of {@link problems}. */
export type ProblemReason = keyof typeof problems

interface ProblemOptions {
  /** For the audit record and the operator's log; never for the caller. Must hold no credential. */
  readonly detail?: string
  /** Replaces the table's public sentence where the mend depends on the request; same character set. */
  readonly mend?: string
  readonly cause?: unknown
}

/**
 * An operation that cannot go on. The public half is `mend` (what the caller may change), the operator's half is
 * `reason` and `detail`.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly reason: ProblemReason
  readonly detail: string | undefined
  readonly mend: string

  constructor(reason: ProblemReason, options: ProblemOptions = {}) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause })
    this.reason = reason
    this.detail = options.detail
    this.mend = options.mend ?? problems[reason].mend
  }

  get row(): Row {
    return problems[this.reason]
  }
}
