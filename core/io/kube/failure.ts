import { z } from 'zod'
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
  const more = { retryAfterSeconds, deniedBy: denyingPolicy(body) }
  return new KubeError(status, reason, `${call} was answered ${status} ${reason}`, more)
}

const shape = z.object({ details: z.object({ causes: z.array(z.object({ message: z.string().max(4096) })).max(16) }) })

/** Of the causes that the API server gives: there is no field for the policy, only this beginning of a text of its own. */
function denyingPolicy(body: unknown): string | undefined {
  for (const { message } of shape.safeParse(body).data?.details.causes ?? []) {
    const name = /^ValidatingAdmissionPolicy '([a-z0-9][a-z0-9.-]{0,252})' with binding /.exec(message)?.[1]
    if (name !== undefined) return name
  }
  return undefined
}

/** metav1.Status.reason: one word; anything else is not repeated. */
function statusReason(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('reason' in body)) return undefined
  const { reason } = body
  return typeof reason === 'string' && /^[A-Za-z]{1,64}$/.test(reason) ? reason : undefined
}
