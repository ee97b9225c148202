import type { AuditRecord } from '../../core/audit/event.ts'
import type { Clock } from '../../core/clock.ts'
import type { VerifiedEvent } from '../../core/identity/run.ts'
import type { InterceptorConfig, SenderConfig, TriggerConfig } from './config.ts'
import type { EventRegister, RunOfEvent } from './event-register.ts'
import { readEvent } from './read-event.ts'
import { type Arrival, createSeenBodies } from './seen-bodies.ts'

/** Events that came in, as a projection of the journal: rebuilt from it at start, never stored elsewhere. */
export interface EventBook extends EventRegister {
  /** Takes one durable record; in journal order, at recovery and after each append. */
  apply(record: AuditRecord): void
  /**
   * Takes an event in, before its record is durable, so that of two equal ones at once one is refused.
   *
   * @returns false for a body that came before, and for an id that another body of its trigger has
   */
  admit(arrival: Arrival): boolean
  /** @returns whether it is the first time that this body came again */
  noteReplay(arrival: Arrival): boolean
  /** Takes back an event that could not be recorded: its sender may send it again. */
  forget(arrival: Arrival): void
  /** Forgets events that no run can have any more, and bodies that came too long ago. */
  sweep(now: Date): void
}

interface Options {
  readonly clock: Clock
  /** Name of the cluster whose EventListeners ask. */
  readonly cluster: string
  readonly senders: InterceptorConfig['senders']
}

interface Known {
  readonly event: Omit<VerifiedEvent, 'person'>
  /** UID of the run that has it. */
  runUid: string | undefined
}

/** In docs/architecture.md#caches */
export const eventLimits = {
  /** As long as a run may go on asking. */
  eventMs: 24 * 3600 * 1000,
  events: 10_000,
  bodyMs: 30 * 24 * 3600 * 1000,
  bodies: 100_000,
  /** The sink makes the run right after the answer; it gives up after 30 s, and clocks differ. */
  runAfterMs: 120_000,
  runBeforeMs: 60_000,
} as const

/** Makes an empty book; feed it the journal from the beginning of the chain. */
export function createEventBook({ clock, cluster, senders }: Options): EventBook {
  const events = new Map<string, Known>()
  const bodies = createSeenBodies(eventLimits.bodies)
  // A label names a trigger without its namespace.
  const byTriggerName = Map.groupBy(senders.flatMap(boundTriggers), ({ trigger }) => trigger.name)

  function register(record: AuditRecord): void {
    const event = readEvent(record)
    if (event === undefined) return
    if (isYoung(event.receivedAt, eventLimits.bodyMs)) bodies.add({ ...event, eventId: event.id }, event.receivedAt)
    if (!isYoung(event.receivedAt, eventLimits.eventMs)) return
    const key = eventKey(event.id, placeOf(event.trigger))
    if (events.has(key)) return
    const [oldest] = events.size >= eventLimits.events ? events.keys() : []
    if (oldest !== undefined) events.delete(oldest)
    events.set(key, { event, runUid: undefined })
  }

  /** A run that was recorded with an event has it, also after a restart. */
  function bind({ data: { run } }: AuditRecord): void {
    if (run?.event === undefined) return
    const known = events.get(eventKey(run.event.id, run.event.trigger ?? ''))
    if (known !== undefined) known.runUid ??= run.pipeline_run_uid ?? run.task_run_uid ?? run.custom_run_uid
  }

  function registered(eventId: string, trigger: TriggerConfig): Known | undefined {
    const known = events.get(eventKey(eventId, placeOf(trigger)))
    return known !== undefined && isYoung(known.event.receivedAt, eventLimits.eventMs) ? known : undefined
  }

  function isYoung(at: Date, ageMs: number): boolean {
    return clock().getTime() - at.getTime() < ageMs
  }

  return Object.freeze({
    apply(record: AuditRecord) {
      if (record.type === 'dev.tokenbroker.event.registered.v1') register(record)
      else bind(record)
    },
    // An EventListener makes an id for each request: one that comes with another body is not from there.
    admit: (arrival: Arrival) =>
      !events.has(eventKey(arrival.eventId, placeOf(arrival.trigger))) && bodies.add(arrival, clock()),
    noteReplay: (arrival: Arrival) => bodies.noteReplay(arrival),
    forget: (arrival: Arrival) => bodies.remove(arrival),
    claim(eventId: string, run: RunOfEvent) {
      if (run.cluster !== cluster) return undefined
      for (const { sender, trigger } of byTriggerName.get(run.trigger) ?? []) {
        const known = registered(eventId, trigger)
        if (known?.event.sender !== sender.name || !mayHave(known.event, trigger, run)) continue
        known.runUid ??= run.uid
        if (known.runUid === run.uid) return { ...known.event, person: personOf(sender, known.event.login) }
      }
      return undefined
    },
    sweep(now: Date) {
      bodies.sweep(new Date(now.getTime() - eventLimits.bodyMs))
      for (const [key, { event }] of events) {
        if (now.getTime() - event.receivedAt.getTime() >= eventLimits.eventMs) events.delete(key)
      }
    },
  })
}

function boundTriggers(sender: SenderConfig) {
  return sender.triggers.map((trigger) => ({ sender, trigger }))
}

function eventKey(eventId: string, trigger: string): string {
  return `${eventId} ${trigger}`
}

function placeOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`
}

/** Held against the present configuration: what was taken out of it counts for nothing at once. */
function mayHave({ eventListener, receivedAt }: Known['event'], trigger: TriggerConfig, run: RunOfEvent): boolean {
  if (run.eventListener !== eventListener.name) return false
  if (!(trigger.runNamespaces ?? [trigger.namespace]).includes(run.namespace)) return false
  const afterMs = run.createdAt.getTime() - receivedAt.getTime()
  return afterMs >= -eventLimits.runBeforeMs && afterMs <= eventLimits.runAfterMs
}

/** Not of the object's own prototype: a login may be called `constructor`. */
function personOf(sender: SenderConfig, login: string | undefined): string | undefined {
  if (login === undefined || !('loginMap' in sender)) return undefined
  return Object.hasOwn(sender.loginMap, login) ? sender.loginMap[login] : undefined
}
