import { z } from 'zod'
import { parseRecord } from '../../../core/audit/parse-record.ts'

/** A file can hold anything, also what a later version writes: a member that is not of its type is none. */
const lenient = <T extends z.ZodType>(type: T) => type.optional().catch(undefined)
const word = lenient(z.string())
const words = lenient(z.array(z.string()))
const number = lenient(z.number())
const flag = lenient(z.boolean())
const object = <T extends z.ZodRawShape>(shape: T) => lenient(z.object(shape))
const list = <T extends z.ZodRawShape>(shape: T) => lenient(z.array(z.object(shape)))

const event = object({
  id: word,
  sender: word,
  kind: word,
  event_listener: word,
  trigger: word,
  login: word,
  fields: object({ kind: word, ref: word }),
})

const run = object({
  assurance: word,
  pipeline: word,
  pipeline_run: word,
  pipeline_run_uid: word,
  task: word,
  task_run: word,
  task_run_uid: word,
  custom_run: word,
  custom_run_uid: word,
  initiator: word,
  initiator_from: word,
  is_initiator_proved: flag,
  source: object({ uri: word, digest: word, entry_point: word, revision: word }),
  trigger: object({ event_listener: word, trigger: word, event_id: word }),
  event,
  evidence: list({ hop: word, verdict: word, detail: word }),
})

const approval = object({
  name: word,
  expires_at: word,
  requirements: list({ groups: words, required: number }),
  decisions: list({ by: word, verdict: word, comment: word }),
})

const data = z.object({
  outcome: word,
  reason: word,
  detail: word,
  exchange_id: word,
  subject: object({ cluster: word, namespace: word, service_account: word, pod: word, pod_uid: word }),
  run,
  request: object({ audience: word, scope: words, policy: word }),
  policy: object({ kind: word, namespace: word, name: word, generation: number }),
  approval,
  event,
  token: object({ jti: word, audience: word, scope: words, expires_at: word }),
  revoked_tokens: words,
  revoked_count: number,
  closed_authorizations: number,
  by: word,
})

/** Of a record what a trace shows. */
export interface TraceRecord {
  /** `exchange.granted` of `dev.tokenbroker.exchange.granted.v1`. */
  readonly type: string
  readonly subject: string
  readonly time: string
  readonly data: z.infer<typeof data>
}

/** @returns `undefined` for text that is no record */
export function traceRecord(line: string): TraceRecord | undefined {
  const record = parseRecord(line)
  if (record === undefined) return undefined
  const { type, subject, time } = record
  return {
    type: type.replace(/^dev\.tokenbroker\./, '').replace(/\.v\d+$/, ''),
    subject,
    time,
    data: data.parse(record.data),
  }
}

/** What asks for a token, or what would come of it; a withdrawal names an exchange, too, and is none. */
export function isExchange({ type }: TraceRecord): boolean {
  return type.startsWith('exchange.') || type === 'explain'
}
