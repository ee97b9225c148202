import { createHash } from 'node:crypto'
import { describeEvent } from '../../core/audit/describe-event.ts'
import type { AuditEntry, AuditJournal } from '../../core/audit/event.ts'
import type { Clock } from '../../core/clock.ts'
import type { VerifiedEvent } from '../../core/identity/run.ts'
import type { SenderConfig } from './config.ts'
import type { EventBook } from './event-book.ts'
import type { EventFields } from './event-fields.ts'
import type { Delivery } from './interceptor-request.ts'
import { proveSender } from './prove-sender.ts'
import { readFields } from './read-fields.ts'
import { type EventRefusal, refuseEvent } from './refusal.ts'
import type { Bound, Senders } from './senders.ts'

/** An event that may start its trigger's run: recorded, and known to the register. */
export interface Registered {
  readonly kind: 'registered'
  readonly event: Omit<VerifiedEvent, 'person'>
}

export type Intercept = (delivery: Delivery) => Promise<Registered | EventRefusal>

interface Deps {
  readonly senders: Senders
  readonly book: Pick<EventBook, 'admit' | 'forget' | 'noteReplay'>
  readonly journal: AuditJournal
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

const eventKinds = {
  github: 'github',
  gitlab: 'gitlab',
  'gitlab-token': 'gitlab',
  'standard-webhooks': 'hmac',
  hmac: 'hmac',
} as const satisfies Readonly<Record<SenderConfig['kind'], VerifiedEvent['kind']>>

/**
 * Verifies who sent an event and registers it. The record is durable before the EventListener hears yes, so that no run
 * comes from an event that the audit stream does not know.
 */
export function createIntercept({ senders, book, journal, clock, onError }: Deps): Intercept {
  async function proved(bound: Bound, delivery: Delivery): Promise<ReturnType<typeof readFields>> {
    const { config, secrets } = bound.sender
    let known: Awaited<ReturnType<typeof secrets.current>>
    try {
      known = await secrets.current()
    } catch (error) {
      onError(error)
      return noSecrets
    }
    const proof = proveSender(config, known, delivery, clock())
    return proof.kind === 'proved' ? readFields(config, delivery, proof.isSigned) : proof
  }

  async function record(event: Registered['event'], type: 'registered' | 'refused'): Promise<boolean> {
    try {
      await journal.append(entryFor(event, type))
      return true
    } catch (error) {
      onError(error)
      return false
    }
  }

  return async function intercept(delivery) {
    const bound = senders.ofDelivery(delivery)
    if (bound.kind === 'refused') return bound
    const read = await proved(bound, delivery)
    if (read.kind === 'refused') return read
    const event = eventOf(bound, delivery, read.fields, clock())
    const arrival = { ...event, eventId: event.id }
    if (!book.admit(arrival)) {
      // One record tells that it happened; whoever has one signed body could else fill the disk with it.
      if (book.noteReplay(arrival)) await record(event, 'refused')
      return replayed
    }
    if (await record(event, 'registered')) return { kind: 'registered', event }
    book.forget(arrival)
    return unrecorded
  }
}

function eventOf({ sender, trigger }: Bound, delivery: Delivery, fields: EventFields, now: Date): Registered['event'] {
  const { namespace, name, eventListener } = trigger
  const { sender: login } = fields
  return {
    id: delivery.eventId,
    sender: sender.config.name,
    kind: eventKinds[sender.config.kind],
    trigger: { namespace, name },
    eventListener: { namespace: eventListener.namespace ?? namespace, name: eventListener.name },
    bodyDigest: createHash('sha256').update(delivery.body, 'utf8').digest('hex'),
    receivedAt: now,
    login: typeof login === 'string' ? login : undefined,
    fields,
  }
}

function entryFor(event: Registered['event'], what: 'registered' | 'refused'): AuditEntry {
  const { namespace, name } = event.trigger
  const isRegistered = what === 'registered'
  return {
    type: `dev.tokenbroker.event.${what}.v1`,
    subject: `${namespace}/${name}`,
    time: event.receivedAt,
    data: {
      outcome: isRegistered ? 'info' : 'denied',
      reason: isRegistered ? 'event_verified' : 'event_replayed',
      request: { door: 'interceptor' },
      event: describeEvent(event),
    },
  }
}

const replayed = refuseEvent(
  'event_replayed',
  'This event came in before: an event starts a run of each of its triggers once; cause a new one',
)
const noSecrets = refuseEvent(
  'event_unavailable',
  'The secrets of the sender cannot be read: see the log of the broker',
)
const unrecorded = refuseEvent(
  'event_unavailable',
  'The audit stream cannot be written, so nothing is started: send the event again',
)
