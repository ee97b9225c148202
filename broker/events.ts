import type { RequestListener } from 'node:http'
import type { Logger } from 'pino'
import type { AuditJournal, AuditReason, AuditRecord } from '../core/audit/event.ts'
import type { Clock } from '../core/clock.ts'
import type { BrokerConfig } from './config.ts'
import { createEventBook } from './interceptor/event-book.ts'
import { type EventRegister, noEvents } from './interceptor/event-register.ts'
import { createIntercept, type Registered } from './interceptor/intercept.ts'
import { createInterceptorApp } from './interceptor/interceptor-app.ts'
import type { EventRefusal } from './interceptor/refusal.ts'
import { createSenders } from './interceptor/senders.ts'
import type { BrokerMetrics } from './metrics.ts'
import { openedBy } from './opening.ts'

/** What the broker knows of events, from before its journal is open. */
export interface Events {
  /** What the walk asks. */
  readonly register: EventRegister
  /** Takes one durable record, in journal order. */
  apply(record: AuditRecord): void
  sweep(now: Date): void
  /**
   * The interceptor listener; undefined where none is configured.
   *
   * @throws StartError when the secrets of a sender cannot be used
   */
  open(parts: EventParts): Promise<RequestListener | undefined>
}

interface EventParts {
  readonly journal: AuditJournal
  /** Adds to the aggregate that becomes one `suppressed` record for each window. */
  readonly suppress: (door: 'interceptor', reason: AuditReason) => void
  readonly metrics: Pick<BrokerMetrics, 'event'>
  readonly log: Logger
}

const none: Events = { register: noEvents, apply: () => undefined, sweep: () => undefined, open: async () => undefined }

/** Joins the interceptor's parts. Nothing here decides anything. */
export function createEvents({ interceptor, clusters }: BrokerConfig, clock: Clock): Events {
  if (interceptor === undefined) return none
  const cluster = interceptor.cluster ?? clusters[0]?.name ?? ''
  const book = createEventBook({ clock, cluster, senders: interceptor.senders })

  return Object.freeze({
    register: book,
    apply: (record: AuditRecord) => book.apply(record),
    sweep: (now: Date) => book.sweep(now),
    async open({ journal, suppress, metrics, log }: EventParts) {
      const onError = (err: unknown, sender?: string) =>
        log.error({ err, ...(sender && { sender }) }, 'event not judged')
      const senders = createSenders(interceptor, { clock, onError })
      await Promise.all(
        senders.all.map(({ config, secrets }, at) => {
          const setting = {
            key: `interceptor.senders.${at}.secretDirectory`,
            mend: `mount the Secret of ${config.name}`,
          }
          return openedBy(setting, secrets.current())
        }),
      )
      const observe = (outcome: Registered | EventRefusal): void => {
        if (outcome.kind === 'registered') {
          const { id, sender, trigger } = outcome.event
          metrics.event(sender, 'event_verified')
          log.info({ event_id: id, sender, trigger: `${trigger.namespace}/${trigger.name}` }, 'event verified')
          return
        }
        metrics.event('', outcome.reason)
        suppress('interceptor', outcome.reason)
      }
      return createInterceptorApp({ intercept: createIntercept({ senders, book, journal, clock, onError }), observe })
    },
  })
}
