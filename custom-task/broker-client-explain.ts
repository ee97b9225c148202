import * as z from 'zod/mini'
import {
  type BrokerAnswer,
  id,
  type NotGranted,
  notUnderstood,
  printable,
  readErrorAnswer,
  scope,
  splitScope,
  text,
} from './broker-client-answer.ts'

/** What a request would come to; nothing was granted. */
export interface Explained {
  readonly kind: 'explained'
  readonly decision: 'allow' | 'deny' | 'needs-approval'
  readonly policy: string | undefined
  readonly audience: string | undefined
  readonly scope: readonly string[]
  /** The sentence with the mend; undefined where it would be allowed. */
  readonly description: string | undefined
  readonly exchangeId: string | undefined
  /** The whole answer, for people. */
  readonly body: unknown
}

const explainedBody = z.object({
  decision: z.enum(['allow', 'deny', 'needs-approval']),
  policy: z.optional(text),
  audience: z.optional(text),
  scope: z.optional(scope),
  error_description: z.optional(text),
  exchange_id: z.optional(id),
})

/** Judges the answer of `/explain`. */
export function readExplainAnswer(answer: BrokerAnswer): Explained | NotGranted {
  if (answer.status !== 200) return readErrorAnswer(answer)
  const parsed = explainedBody.safeParse(answer.body)
  if (!parsed.success) return notUnderstood(answer)
  const { decision, policy, audience, scope: scopes, error_description, exchange_id } = parsed.data
  return {
    kind: 'explained',
    decision,
    policy,
    audience,
    scope: splitScope(scopes),
    description: error_description === undefined ? undefined : printable(error_description),
    exchangeId: exchange_id,
    body: answer.body,
  }
}
