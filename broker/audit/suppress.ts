import type { Logger } from 'pino'
import type { AuditEntry, AuditJournal, AuditReason, AuditRequest, AuditSubject } from '../../core/audit/event.ts'
import type { Clock } from '../../core/clock.ts'
import { problems } from '../../core/problem.ts'
import type { Alarm } from './alarm.ts'

type Door = AuditRequest['door']

/** Counts refusals that anybody can cause, so that nobody can fill the disk with them. */
export interface Suppressor {
  /** Counts one refusal; its record follows at the end of the window, with all of its kind. */
  note(door: Door, reason: AuditReason, caller?: AuditSubject): void
  /** Records what was counted, and ends. Waits for the journal; resolves also when that fails. */
  close(): Promise<void>
}

interface SuppressorOptions {
  readonly journal: AuditJournal
  readonly clock: Clock
  readonly alarm: Alarm
  readonly log: Logger
  /** The broker's own name; the record's `subject`. */
  readonly subject: string
  /** Time over which refusals are counted. Default 10 s. */
  readonly windowMs?: number
}

interface Count {
  readonly door: Door
  readonly reason: AuditReason
  /** The ServiceAccount, where it proved itself. */
  readonly caller?: AuditSubject | undefined
  readonly since: Date
  readonly count: number
}

/** Callers beyond these are counted together with those that are not known. */
const maxCallers = 256

/**
 * Doors times reasons is a closed set and callers are limited, so the map is bounded: one record for each of them in a
 * window, at most.
 */
export function createSuppressor(options: SuppressorOptions): Suppressor {
  const { journal, clock, alarm, log, subject, windowMs = 10_000 } = options
  let counts = new Map<string, Count>()
  const callers = new Set<string>()
  let cancel: (() => void) | undefined
  let isClosed = false

  function note(door: Door, reason: AuditReason, caller?: AuditSubject): void {
    add({ door, reason, caller: caller && admit(caller), since: clock(), count: 1 })
    if (!isClosed) cancel ??= alarm(windowMs, ring)
  }

  function admit(caller: AuditSubject): AuditSubject | undefined {
    const name = nameOf(caller)
    if (callers.size < maxCallers) callers.add(name)
    return callers.has(name) ? caller : undefined
  }

  function add({ door, reason, caller, since, count }: Count): void {
    const key = `${door} ${reason} ${caller === undefined ? '' : nameOf(caller)}`
    const known = counts.get(key)
    if (known === undefined) counts.set(key, { door, reason, caller, since, count })
    else counts.set(key, { ...known, since: since < known.since ? since : known.since, count: known.count + count })
  }

  function ring(): void {
    cancel = undefined
    void flush()
  }

  async function flush(): Promise<void> {
    const counted = [...counts.values()]
    counts = new Map()
    callers.clear()
    await Promise.all(counted.map(record))
    // What could not be recorded waits for the next window.
    if (counts.size > 0 && !isClosed) cancel ??= alarm(windowMs, ring)
  }

  async function record(count: Count): Promise<void> {
    try {
      await journal.append(entry(count, subject, clock()))
    } catch (error) {
      add(count)
      log.warn({ err: error, door: count.door, reason: count.reason, count: count.count }, 'refusals not recorded yet')
    }
  }

  return Object.freeze({
    note,
    async close() {
      isClosed = true
      cancel?.()
      cancel = undefined
      await flush()
    },
  })
}

function nameOf({ cluster, namespace, service_account }: AuditSubject): string {
  return `${cluster}/${namespace}/${service_account}`
}

function entry({ door, reason, caller, since, count }: Count, subject: string, time: Date): AuditEntry {
  // What is no problem of a request is an event that was not let in.
  const outcome = reason in problems ? problems[reason as keyof typeof problems].outcome : 'denied'
  const counted = { suppressed_count: count, suppressed_since: since.toISOString() }
  const data = { outcome, reason, ...(caller && { actor: caller }), request: { door }, ...counted }
  return { type: 'dev.tokenbroker.suppressed.v1', subject, time, data }
}
