import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GroupWriter } from '../../../broker/audit/group-writer.ts'
import { GENESIS, sealRecord } from '../../../core/audit/chain.ts'
import type { Receipt } from '../../../core/audit/event.ts'
import { verifyLines } from '../../../core/audit/verify.ts'
import { broker, linesOf } from '../../core/audit/chain-fixture.ts'
import { handAlarm, never, numbered, systemError } from './journal-fixture.ts'

/** A disk on which the test decides when, and whether, each write lands. */
function handDisk() {
  const landed: string[] = []
  let write: { readonly text: string; readonly done: PromiseWithResolvers<void> } | undefined
  return {
    landed,
    write(bytes: Uint8Array): Promise<void> {
      expect(write).toBeUndefined()
      write = { text: new TextDecoder().decode(bytes), done: Promise.withResolvers() }
      return write.done.promise
    },
    land(): void {
      if (write === undefined) return
      landed.push(write.text)
      write.done.resolve()
      write = undefined
    },
    break(): void {
      write?.done.reject(systemError('EIO'))
      write = undefined
    },
  }
}

function setUp(queueRecords = 4) {
  const disk = handDisk()
  const stall = handAlarm()
  const shown: string[] = []
  let id = 0
  const writer = new GroupWriter({
    head: { chainUid: 'chain-1', sequence: 0, fingerprint: GENESIS },
    seal: (entry, { chainUid, sequence, fingerprint: previous }) => {
      const position = { chainUid, sequence: sequence + 1, previous, id: `event-${++id}` }
      return sealRecord(entry, { ...position, source: '/s', broker, durability: 'fdatasync' })
    },
    store: disk,
    queueRecords,
    stallMs: 5000,
    alarm: stall.alarm,
    onDurable: (record) => void shown.push(record.id),
    onFailure: () => undefined,
  })
  return { writer, disk, stall, shown }
}

/** Everything that is ready to run has run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

type Step = 'append' | 'land' | 'stall' | 'break'

describe('GroupWriter', () => {
  it('acknowledges only what landed, in an unbroken chain, whatever the disk does', async () => {
    const step = fc.constantFrom<Step>('append', 'append', 'append', 'land', 'land', 'stall', 'break')

    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { writer, disk, stall, shown } = setUp()
        const acknowledged: string[] = []
        let number = 0
        const act: Record<Step, () => void> = {
          append: () =>
            void writer.append(numbered(++number)).then(
              ({ eventId }) => acknowledged.push(eventId),
              (problem) => expect(problem).toMatchObject({ reason: 'audit_unavailable' }),
            ),
          land: disk.land,
          stall: stall.ring,
          break: disk.break,
        }

        for (const each of steps) {
          act[each]()
          await settle()
        }

        const verification = await verifyLines(linesOf(disk.landed.join('')))
        expect(verification).toMatchObject({ verdict: 'ok', records: writer.durable.sequence })
        expect(shown).toHaveLength(writer.durable.sequence)
        expect(shown).toEqual(expect.arrayContaining(acknowledged))
        expect(writer.queueLength).toBeLessThanOrEqual(4 + 5)
      }),
      { numRuns: 300 },
    )
  })

  it('is the only one that can make a receipt', () => {
    // @ts-expect-error a Receipt is proof that a record is durable, not a shape
    const receipt: Receipt = { eventId: 'event-1', sequence: 1, chainUid: 'chain-1' }

    expect(receipt).toBeDefined()
  })

  it('splits what waits into groups of at most a mebibyte', async () => {
    const { writer, disk } = setUp(1000)
    const long = { ...numbered(1), subject: 'x'.repeat(10_000) }

    const appends = Array.from({ length: 200 }, () => writer.append(long))
    for (let count = 0; count < 4; count++) {
      await settle()
      disk.land()
    }

    expect(await Promise.all(appends)).toHaveLength(200)
    expect(disk.landed.length).toBeGreaterThan(2)
    expect(Math.max(...disk.landed.map(({ length }) => length))).toBeLessThanOrEqual(1024 * 1024)
  })

  it('tells a failure once, with its cause, and keeps it from the callers', async () => {
    const { writer, disk } = setUp()

    const appended = writer.append(numbered(1))
    disk.break()
    const problem = await appended.catch((error: unknown) => error)

    expect(problem).toMatchObject({ reason: 'audit_unavailable', cause: { code: 'EIO' } })
    expect(writer.refusal).toBe('failed')
    await writer.close(never)
  })
})
