import type { AuditRecord } from '../../core/audit/event.ts'
import type { VerifiedEvent } from '../../core/identity/run.ts'

type Kind = VerifiedEvent['kind']
const kinds: readonly string[] = ['github', 'gitlab', 'hmac'] satisfies readonly Kind[]

/** The event of a `registered` record, as far as it does not rest on the present configuration. */
export function readEvent({ data: { event }, time }: AuditRecord): Omit<VerifiedEvent, 'person'> | undefined {
  const trigger = readPlace(event?.trigger)
  const eventListener = readPlace(event?.event_listener)
  if (event?.sender === undefined || event.body_digest === undefined || !isKind(event.kind)) return undefined
  if (trigger === undefined || eventListener === undefined) return undefined
  return {
    id: event.id,
    sender: event.sender,
    kind: event.kind,
    trigger,
    eventListener,
    bodyDigest: event.body_digest,
    receivedAt: new Date(time),
    login: event.login,
    fields: event.fields ?? {},
  }
}

function isKind(text: string | undefined): text is Kind {
  return text !== undefined && kinds.includes(text)
}

function readPlace(text = ''): VerifiedEvent['trigger'] | undefined {
  const [namespace, name] = text.split('/')
  return namespace && name ? { namespace, name } : undefined
}
