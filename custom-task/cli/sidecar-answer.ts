import { z } from 'zod'
import type { HttpAnswer } from '../../core/io/http-retry.ts'
import { b64tokenPattern } from '../../core/oauth/vocabulary.ts'
import { Secret } from '../../core/secret.ts'
import { CommandFailure, exitCodes } from './command.ts'
import { printable } from './printable.ts'

const granted = z.object({
  // A b64token: what goes into a header has no line ends. @see RFC 6750 §2.1
  access_token: z
    .string()
    .regex(b64tokenPattern)
    .transform((value) => new Secret(value)),
  expires_in: z.number(),
  scope: z.string().optional(),
  exchange_id: z.string().optional(),
})

const refused = z.object({
  error: z.string(),
  error_description: z.string().optional(),
  approval: z.string().optional(),
  exchange_id: z.string().optional(),
})

export interface SidecarToken {
  readonly accessToken: Secret
  readonly expiresIn: number
  readonly scope: string | undefined
  readonly exchangeId: string | undefined
}

/**
 * What the sidecar at `url` said to a request for a token.
 *
 * @throws CommandFailure with its refusal, or when it is no sidecar that answers
 */
export function readSidecarAnswer({ status, body }: HttpAnswer, url: string): SidecarToken {
  const token = granted.safeParse(body).data
  if (status === 200 && token !== undefined) {
    const { access_token: accessToken, expires_in: expiresIn, scope, exchange_id: exchangeId } = token
    return { accessToken, expiresIn, scope, exchangeId }
  }
  const refusal = status === 200 ? undefined : refused.safeParse(body).data
  if (refusal === undefined) {
    const message = `What answers at ${url} is not the token sidecar (HTTP ${status}): look at TOKENBROKER_URL.`
    throw new CommandFailure(exitCodes.failed, message)
  }
  throw new CommandFailure(codeOf(status, refusal.error), printable(describe(refusal)))
}

function describe({ error, error_description, approval, exchange_id }: z.output<typeof refused>): string {
  const ids = [
    ...(approval === undefined ? [] : [`approval ${approval}`]),
    ...(exchange_id === undefined ? [] : [`exchange ${exchange_id}`]),
  ]
  const text = `${error}: ${error_description ?? 'the sidecar does not say why'}`
  return ids.length === 0 ? text : `${text} (${ids.join(', ')})`
}

function codeOf(status: number, error: string): number {
  if (error === 'authorization_pending') return exitCodes.pending
  if (status === 429 || status === 503) return exitCodes.unreachable
  // A request that is not well made was not decided by anybody.
  return status >= 500 || error === 'invalid_request' ? exitCodes.failed : exitCodes.denied
}
