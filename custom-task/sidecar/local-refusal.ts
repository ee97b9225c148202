import type { NotGranted } from '../broker-client-answer.ts'

/** An answer that is no token. @see RFC 6749 §5.2 */
export interface LocalRefusal {
  readonly kind: 'refusal'
  readonly status: number
  readonly body: Readonly<Record<string, string | number>>
  readonly headers?: Readonly<Record<string, string>>
}

export function refuse(status: number, error: string, description: string): LocalRefusal {
  return { kind: 'refusal', status, body: { error, error_description: description } }
}

export function badRequest(description: string): LocalRefusal {
  return refuse(400, 'invalid_request', description)
}

/** One text for every way that a key is not the right one, so that nothing can be tried out. */
export function invalidClient(description: string): LocalRefusal {
  const answer = refuse(401, 'invalid_client', description)
  return { ...answer, headers: { 'www-authenticate': 'Basic realm="tokenbroker"' } }
}

/** What the broker said, in the terms of the local API; its status and body never go through. */
export function refusalOf(result: NotGranted): LocalRefusal {
  const exchange = result.exchangeId === undefined ? {} : { exchange_id: result.exchangeId }
  const description = { error_description: result.description }
  switch (result.kind) {
    case 'pending':
      return {
        kind: 'refusal',
        status: 409,
        body: {
          error: 'authorization_pending',
          ...description,
          interval: result.intervalSeconds,
          ...(result.approval === undefined ? {} : { approval: result.approval }),
          ...exchange,
        },
        headers: { 'retry-after': String(result.intervalSeconds) },
      }
    case 'refused':
      return {
        kind: 'refusal',
        status: callersFault.has(result.error) ? 400 : 403,
        body: { error: result.error, ...description, ...exchange },
      }
    case 'unavailable':
      return {
        kind: 'refusal',
        status: result.status === 429 ? 429 : 503,
        body: { error: 'temporarily_unavailable', ...description, ...exchange },
        headers: { 'retry-after': String(Math.max(1, result.retryAfterSeconds ?? 1)) },
      }
  }
}

/** What the caller can mend by asking differently; the rest is a decision about who asks. */
const callersFault: ReadonlySet<string> = new Set(['invalid_request', 'invalid_scope', 'invalid_target'])
