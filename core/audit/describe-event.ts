import type { VerifiedEvent } from '../identity/run.ts'
import type { AuditEvent } from './event.ts'

/** A verified event as records show it: beside the run that it started, and where it came in. */
export function describeEvent(event: Omit<VerifiedEvent, 'person'>): AuditEvent {
  return {
    id: event.id,
    sender: event.sender,
    kind: event.kind,
    event_listener: `${event.eventListener.namespace}/${event.eventListener.name}`,
    trigger: `${event.trigger.namespace}/${event.trigger.name}`,
    body_digest: event.bodyDigest,
    ...(event.login !== undefined && { login: event.login }),
    fields: event.fields,
  }
}
