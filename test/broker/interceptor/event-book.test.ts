import { describe, expect, it } from 'vitest'
import { interceptorConfig } from '../../../broker/interceptor/config.ts'
import { createEventBook, eventLimits } from '../../../broker/interceptor/event-book.ts'
import type { RunOfEvent } from '../../../broker/interceptor/event-register.ts'
import { describeEvent } from '../../../core/audit/describe-event.ts'
import type { AuditEntry, AuditRecord } from '../../../core/audit/event.ts'
import { eventId, recordOf } from './interceptor-fixture.ts'

const began = new Date('2026-03-01T12:00:00.000Z')
const hourMs = 3_600_000

const trigger = { namespace: 'ci', name: 'push' }
const senders = interceptorConfig.parse({
  senders: [
    {
      name: 'acme',
      kind: 'github',
      secretDirectory: '/secrets',
      triggers: [
        { ...trigger, eventListener: { name: 'github' }, runNamespaces: ['payments'] },
        { namespace: 'shop', name: 'push', eventListener: { namespace: 'ci', name: 'github' } },
      ],
      loginMap: { octocat: 'alice@example.com' },
    },
  ],
}).senders

function setUp(using = senders) {
  let now = began.getTime()
  const book = createEventBook({ clock: () => new Date(now), cluster: 'main', senders: using })
  const pass = (ms: number) => {
    now += ms
  }
  return { book, pass, now: () => new Date(now) }
}

const event = {
  id: eventId,
  sender: 'acme',
  kind: 'github',
  trigger,
  eventListener: { namespace: 'ci', name: 'github' },
  bodyDigest: 'a'.repeat(64),
  receivedAt: began,
  login: 'octocat',
  fields: { kind: 'push', ref: 'refs/heads/main', isSigned: true },
} as const

function registered(more: Partial<typeof event> | Readonly<Record<string, unknown>> = {}): AuditRecord {
  const entry: AuditEntry = {
    type: 'dev.tokenbroker.event.registered.v1',
    subject: 'ci/push',
    time: began,
    data: { outcome: 'info', reason: 'event_verified', event: describeEvent({ ...event, ...more }) },
  }
  return recordOf(entry)
}

function grantedTo(uid: string): AuditRecord {
  const run = { assurance: 'verified', pipeline_run_uid: uid, event: describeEvent(event) } as const
  const data = { outcome: 'granted', reason: 'granted', run } as const
  return recordOf({ type: 'dev.tokenbroker.exchange.granted.v1', subject: 'payments/release', time: began, data })
}

const run: RunOfEvent = {
  cluster: 'main',
  namespace: 'payments',
  uid: 'run-1',
  createdAt: began,
  trigger: 'push',
  eventListener: 'github',
}

describe('claim', () => {
  it('gives the event to the run that it made, with the person whom the login map names', () => {
    const { book } = setUp()
    book.apply(registered())

    expect(book.claim(eventId, run)).toEqual({ ...event, person: 'alice@example.com' })
  })

  it('gives it to the first run alone, and to that one as often as it asks', () => {
    const { book, pass } = setUp()
    book.apply(registered())

    expect(book.claim(eventId, run)).toBeDefined()
    expect(book.claim(eventId, { ...run, uid: 'run-2' })).toBeUndefined()
    pass(20 * hourMs)
    expect(book.claim(eventId, run)).toBeDefined()
  })

  it('keeps an id with its first body: whoever brings another, however well signed, changes no run', () => {
    const { book } = setUp()
    book.apply(registered())
    book.claim(eventId, run)
    const other = { bodyDigest: 'b'.repeat(64), fields: { ...event.fields, ref: 'refs/heads/evil' } }

    expect(book.admit({ ...event, ...other, eventId })).toBe(false)
    book.apply(registered(other))
    expect(book.claim(eventId, { ...run, uid: 'run-2' })).toBeUndefined()
    expect(book.claim(eventId, run)).toMatchObject({ bodyDigest: event.bodyDigest, fields: event.fields })
  })

  it('knows after a restart which run has it, from the records of what that run was given', () => {
    const { book } = setUp()
    for (const record of [registered(), grantedTo('run-1'), grantedTo('run-2')]) book.apply(record)

    expect(book.claim(eventId, { ...run, uid: 'run-2' })).toBeUndefined()
    expect(book.claim(eventId, run)).toBeDefined()
  })

  it.each([
    ['of another cluster', { cluster: 'other' }],
    ['in a namespace that the trigger makes no runs in', { namespace: 'ci' }],
    ['of another trigger', { trigger: 'release' }],
    ['of another EventListener', { eventListener: 'gitlab' }],
    ['that was made long before it', { createdAt: new Date(began.getTime() - eventLimits.runBeforeMs - 1) }],
    ['that was made long after it', { createdAt: new Date(began.getTime() + eventLimits.runAfterMs + 1) }],
  ])('gives nothing to a run %s', (_name, more) => {
    const { book } = setUp()
    book.apply(registered())

    expect(book.claim(eventId, { ...run, ...more })).toBeUndefined()
    expect(book.claim(eventId, run)).toBeDefined()
  })

  it('knows no event that was invented, none that is not on the disk yet, and none of a day ago', () => {
    const { book, pass } = setUp()
    expect(book.claim('11111111-1111-4111-8111-111111111111', run)).toBeUndefined()
    expect(book.admit({ ...event, eventId })).toBe(true)
    expect(book.claim(eventId, run)).toBeUndefined()
    book.apply(registered())
    pass(24 * hourMs)
    expect(book.claim(eventId, run)).toBeUndefined()
  })

  it('keeps triggers of one name in two namespaces apart', () => {
    const { book } = setUp()
    book.apply(registered({ trigger: { namespace: 'shop', name: 'push' } }))

    expect(book.claim(eventId, run)).toBeUndefined()
    expect(book.claim(eventId, { ...run, namespace: 'shop' })).toBeDefined()
  })

  it('follows the present configuration: a sender, trigger or login that was taken out counts for nothing', () => {
    const [acme] = senders
    if (acme?.kind !== 'github') throw new TypeError('no sender')
    const claimUnder = (sender: object) => {
      const { book } = setUp(interceptorConfig.parse({ senders: [{ ...acme, ...sender }] }).senders)
      book.apply(registered())
      return book.claim(eventId, run)
    }
    expect(claimUnder({ name: 'other' })).toBeUndefined()
    expect(claimUnder({ triggers: acme.triggers.slice(1) })).toBeUndefined()
    expect(claimUnder({ loginMap: {} })).toMatchObject({ login: 'octocat', person: undefined })
  })

  it('takes no property of every object for a person', () => {
    const { book } = setUp()
    book.apply(registered({ login: 'constructor' }))

    expect(book.claim(eventId, run)).toMatchObject({ login: 'constructor', person: undefined })
  })
})

describe('admit', () => {
  const arrival = { sender: 'acme', bodyDigest: event.bodyDigest, eventId, trigger }
  const again = { ...arrival, eventId: '11111111-1111-4111-8111-111111111111' }

  it('refuses a body that came before, under its own id or another, and lets it start each trigger once', () => {
    const { book } = setUp()
    expect(book.admit(arrival)).toBe(true)
    expect(book.admit(arrival)).toBe(false)
    expect(book.admit(again)).toBe(false)
    const other = { ...arrival, trigger: { namespace: 'ci', name: 'release' } }
    expect(book.admit(other)).toBe(true)
    expect(book.admit(other)).toBe(false)
    expect(book.admit({ ...again, sender: 'other' })).toBe(true)
  })

  it('remembers bodies over a restart, for 30 days', () => {
    const { book, pass, now } = setUp()
    book.apply(registered())
    expect(book.admit(again)).toBe(false)
    pass(eventLimits.bodyMs - 1)
    book.sweep(now())
    expect(book.admit(again)).toBe(false)
    pass(2)
    book.sweep(now())
    expect(book.admit(again)).toBe(true)
  })

  it('lets what could not be recorded come again', () => {
    const { book } = setUp()
    book.admit(arrival)
    book.forget(arrival)
    expect(book.admit(again)).toBe(true)
    book.forget(arrival)
    expect(book.admit(arrival)).toBe(false)
  })

  it('tells a replay once', () => {
    const { book } = setUp()
    expect(book.noteReplay(again)).toBe(false)
    book.admit(arrival)
    expect([book.noteReplay(again), book.noteReplay(again)]).toEqual([true, false])
  })
})

describe('the book', () => {
  it('holds so many events, the oldest going first', () => {
    const { book } = setUp()
    for (let count = 0; count <= eventLimits.events; count += 1) book.apply(registered({ id: `event-${count}` }))

    expect(book.claim('event-0', run)).toBeUndefined()
    expect(book.claim('event-1', run)).toBeDefined()
  })

  it('forgets events of a day ago when it is swept, and passes over records that say too little', () => {
    const { book, pass, now } = setUp()
    book.apply(registered())
    book.apply(registered({ id: 'odd', kind: 'other' }))
    pass(24 * hourMs)
    book.sweep(now())
    pass(-24 * hourMs)
    expect(book.claim(eventId, run)).toBeUndefined()
    expect(book.claim('odd', run)).toBeUndefined()
  })
})
