import * as z from 'zod/mini'
import { missingSentence } from '../gate-message.ts'

/** What `/readyz` says to somebody who waits for the tokens of the pod. */
export interface Readiness {
  readonly kind: 'ready' | 'refused' | 'waiting'
  /** One for each policy without a token. */
  readonly sentences: readonly string[]
}

const readyzBody = z.object({
  status: z.enum(['ready', 'refused', 'waiting']),
  policies: z._default(
    z.array(
      z.object({
        policy: z.string(),
        status: z.string(),
        message: z.optional(z.string()),
        exchange_id: z.optional(z.string()),
      }),
    ),
    [],
  ),
})

/** Reads the body of `/readyz`; whatever else answers there is no sidecar that is ready. */
export function judgeReadiness(body: unknown): Readiness {
  const parsed = readyzBody.safeParse(body)
  if (!parsed.success) return { kind: 'waiting', sentences: ['what answers is not the sidecar'] }
  const sentences = parsed.data.policies
    .filter((policy) => policy.status !== 'ready')
    .map(({ policy, status, message: sentence, exchange_id: exchangeId }) =>
      missingSentence({ policy, status, sentence: sentence ?? unsaid(status), exchangeId }),
    )
  return { kind: parsed.data.status, sentences: [...new Set(sentences)] }
}

/** Nobody has answered yet: a broker that cannot be reached takes some seconds to be known as such. */
function unsaid(status: string): string | undefined {
  return status === 'waiting'
    ? 'no answer yet: is the broker running, and does the network let this pod reach it'
    : undefined
}
