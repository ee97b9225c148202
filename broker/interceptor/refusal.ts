/** Why an event was not let through; each a reason of the audit stream. */
export type EventRefusalReason =
  | 'event_malformed'
  | 'event_replayed'
  | 'event_sender_unknown'
  | 'event_signature'
  | 'event_stale'
  | 'event_unavailable'
  | 'event_unsigned'

/** Codes of `status.code` in an interceptor's answer. @see google.rpc.Code */
const codes = {
  event_malformed: 3,
  event_replayed: 6,
  event_sender_unknown: 7,
  event_signature: 16,
  event_stale: 16,
  event_unavailable: 14,
  event_unsigned: 16,
} as const satisfies Readonly<Record<EventRefusalReason, number>>

/** An event that starts nothing. */
export interface EventRefusal {
  readonly kind: 'refused'
  readonly reason: EventRefusalReason
  /** For the log of the EventListener: says the mend, and nothing of the event or its secrets. */
  readonly message: string
}

export function refuseEvent(reason: EventRefusalReason, message: string): EventRefusal {
  return { kind: 'refused', reason, message }
}

export function codeOf({ reason }: EventRefusal): number {
  return codes[reason]
}
