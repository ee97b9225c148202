import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createMemoryJournal } from '../../../broker/audit/memory-journal.ts'
import { fingerprintOf } from '../../../core/audit/chain.ts'
import { collect, journalOptions, never, numbered } from './journal-fixture.ts'

describe('createMemoryJournal', () => {
  it('warns loudly', () => {
    const lines: string[] = []

    createMemoryJournal(
      journalOptions('unused', { log: pino({ level: 'warn' }, { write: (line) => lines.push(line) }) }),
    )

    expect(lines.join()).toContain('MEMORY ONLY')
  })

  it('keeps the same chain, and says in every record that it is not durable', async () => {
    const seen: string[] = []
    const journal = createMemoryJournal(journalOptions('unused', { onDurable: ({ id }) => seen.push(id) }))

    const receipts = await Promise.all([1, 2, 3].map((number) => journal.append(numbered(number))))

    expect(seen).toEqual(receipts.map(({ eventId }) => eventId))
    let previous = '0'.repeat(64)
    for await (const record of journal.records()) {
      expect(record.data).toMatchObject({ durability: 'memory', attestation: { prev_event: previous } })
      previous = fingerprintOf(record)
    }
    expect(journal.head()).toMatchObject({ sequence: 3, fingerprint: previous })
  })

  it('forgets old records', async () => {
    const journal = createMemoryJournal(journalOptions('unused'))
    for (let number = 1; number <= 20_000; number++) await journal.append(numbered(number))

    const kept = await collect(journal.records())

    expect(kept).toHaveLength(10_000)
    expect(kept.at(-1)).toBe('payments/run-20000')
  })

  it('follows and closes as the embedded journal does', async () => {
    const journal = createMemoryJournal(journalOptions('unused'))
    const followed = collect(journal.tail(never))

    await journal.append(numbered(1))
    await journal.append(numbered(2))
    await journal.close(never)

    expect(await followed).toEqual(['payments/run-1', 'payments/run-2'])
    expect(await collect(journal.records(1))).toEqual(['payments/run-2'])
    expect(journal.health()).toMatchObject({ isWritable: false, reason: 'closed' })
    await expect(journal.append(numbered(3))).rejects.toMatchObject({ reason: 'audit_unavailable' })
  })
})
