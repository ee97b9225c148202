import { describe, expect, it } from 'vitest'
import { createSuppressor } from '../../../broker/audit/suppress.ts'
import type { AuditEntry, AuditJournal, Receipt } from '../../../core/audit/event.ts'
import { Problem } from '../../../core/problem.ts'
import { handAlarm, silent } from './journal-fixture.ts'

function setUp() {
  const entries: AuditEntry[] = []
  const disk = { isBroken: false }
  const journal: AuditJournal = {
    async append(entry) {
      if (disk.isBroken) throw new Problem('audit_unavailable')
      entries.push(entry)
      return {} as Receipt
    },
  }
  let now = Date.parse('2026-08-18T10:00:00.000Z')
  const clock = () => new Date(now)
  const window = handAlarm()
  const suppressor = createSuppressor({ journal, clock, alarm: window.alarm, log: silent, subject: 'tokenbroker-0' })
  const pass = (ms: number) => {
    now += ms
  }
  /** The window ends, and what it starts is done. */
  const ring = async () => {
    window.ring()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { suppressor, entries, disk, window, pass, ring }
}

describe('createSuppressor', () => {
  it('records one event for each door and reason of a window, with how many and since when', async () => {
    const { suppressor, entries, pass, ring } = setUp()

    for (let count = 0; count < 1000; count++) suppressor.note('token', 'subject_token_signature')
    suppressor.note('token', 'malformed_request')
    suppressor.note('revoke', 'malformed_request')
    pass(10_000)
    await ring()

    expect(entries).toHaveLength(3)
    expect(entries[0]).toEqual({
      type: 'dev.tokenbroker.suppressed.v1',
      subject: 'tokenbroker-0',
      time: new Date('2026-08-18T10:00:10.000Z'),
      data: {
        outcome: 'denied',
        reason: 'subject_token_signature',
        request: { door: 'token' },
        suppressed_count: 1000,
        suppressed_since: '2026-08-18T10:00:00.000Z',
      },
    })
  })

  it('keeps callers that proved themselves apart, and no more than 256 of them', async () => {
    const { suppressor, entries, pass, ring } = setUp()
    const caller = (name: number) => ({ cluster: 'main', namespace: 'payments', service_account: `sa-${name}` })

    for (let name = 0; name < 300; name += 1) suppressor.note('introspect', 'caller_not_allowed', caller(name))
    suppressor.note('introspect', 'caller_not_allowed', caller(0))
    suppressor.note('introspect', 'caller_not_allowed')
    pass(10_000)
    await ring()

    expect(entries).toHaveLength(257)
    expect(entries[0]?.data).toMatchObject({ actor: caller(0), suppressed_count: 2 })
    expect(entries.find(({ data }) => data.actor === undefined)?.data.suppressed_count).toBe(45)
  })

  it('sets no alarm while there is nothing to record', async () => {
    const { suppressor, entries, window, ring } = setUp()
    expect(window.pending()).toBe(0)

    suppressor.note('token', 'malformed_request')
    suppressor.note('token', 'malformed_request')
    expect(window.pending()).toBe(1)
    await ring()

    expect(window.pending()).toBe(0)
    expect(entries).toHaveLength(1)
  })

  it('keeps counting while the journal cannot be written, and records the sum later', async () => {
    const { suppressor, entries, disk, pass, ring } = setUp()
    disk.isBroken = true
    suppressor.note('token', 'malformed_request')
    await ring()

    disk.isBroken = false
    pass(10_000)
    suppressor.note('token', 'malformed_request')
    await ring()

    expect(entries.map(({ data }) => [data.suppressed_count, data.suppressed_since])).toEqual([
      [2, '2026-08-18T10:00:00.000Z'],
    ])
  })

  it('records what was counted when it is closed, and leaves no alarm', async () => {
    const { suppressor, entries, window } = setUp()
    suppressor.note('token', 'malformed_request')

    await suppressor.close()
    suppressor.note('token', 'malformed_request')

    expect(entries).toHaveLength(1)
    expect(window.pending()).toBe(0)
  })

  it('closes also when the journal cannot be written', async () => {
    const { suppressor, disk, window } = setUp()
    disk.isBroken = true
    suppressor.note('token', 'malformed_request')

    await suppressor.close()

    expect(window.pending()).toBe(0)
  })
})
