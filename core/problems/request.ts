import type { ProblemRow } from './row.ts'

/** A request that cannot be taken as it is, or from this caller. */
export const requestProblems = {
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
} as const satisfies Readonly<Record<string, ProblemRow>>
