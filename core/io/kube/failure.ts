import { KubeError } from './api.ts'

/** The API server gave no answer that could be read: refused, reset, too slow, too big, no JSON. See `cause`. */
export class KubeUnreachable extends Error {
  override readonly name = 'KubeUnreachable'
}

/** metav1.Status.reason for answers that carry none (proxies, load balancers). */
const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

/**
 * Makes the error of an answer. Its message names method, path and reason: never the status message, which may repeat
 * what was sent.
 *
 * @param call method and path
 */
export function kubeError(call: string, status: number, body: unknown, retryAfterSeconds?: number): KubeError {
  const reason = status === 410 ? 'Expired' : (statusReason(body) ?? reasons[status] ?? 'Unknown')
  return new KubeError(status, reason, `${call} was answered ${status} ${reason}`, retryAfterSeconds)
}

/** metav1.Status.reason: one word; anything else is not repeated. */
function statusReason(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('reason' in body)) return undefined
  const { reason } = body
  return typeof reason === 'string' && /^[A-Za-z]{1,64}$/.test(reason) ? reason : undefined
}
