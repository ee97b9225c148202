import { parseJson } from '../../core/io/body.ts'
import type { SenderConfig } from './config.ts'
import { atPointer, type EventFields, eventFields } from './event-fields.ts'
import { githubFields } from './github-fields.ts'
import { gitlabFields } from './gitlab-fields.ts'
import type { Delivery } from './interceptor-request.ts'
import { type EventRefusal, refuseEvent } from './refusal.ts'

/** All fields together; a usual event has under a tenth of it. */
const maxFieldBytes = 4096

/**
 * What an event says, in the names of policies: those that its sender's kind has, and those that the configuration reads
 * by pointers. A configured field never hides one of the kind.
 */
export function readFields(
  sender: SenderConfig,
  delivery: Delivery,
  isSigned: boolean,
): { readonly kind: 'read'; readonly fields: EventFields } | EventRefusal {
  const body = parseJson(delivery.body)
  const known = knownFields(sender, delivery, body)
  if (typeof body !== 'object' || body === null || known === undefined) return malformed
  const configured = Object.entries(sender.fields).map(([name, pointer]) => [name, atPointer(body, pointer)])
  const fields = { ...eventFields(Object.fromEntries(configured)), ...known, isSigned }
  // What an audit record would have to shorten is not what was signed.
  return Buffer.byteLength(JSON.stringify(fields)) > maxFieldBytes ? tooMuch : { kind: 'read', fields }
}

function knownFields(sender: SenderConfig, { header }: Delivery, body: unknown): EventFields | undefined {
  switch (sender.kind) {
    case 'github':
      return githubFields(header('X-GitHub-Event'), body)
    case 'gitlab':
    case 'gitlab-token':
      return gitlabFields(body)
    case 'standard-webhooks':
    case 'hmac':
      return {}
  }
}

const tooMuch = refuseEvent('event_malformed', 'The fields of the event are over 4 KiB: configure fewer')
const malformed = refuseEvent(
  'event_malformed',
  'The body is not the JSON of the event that it is said to be: let the webhook send application/json',
)
