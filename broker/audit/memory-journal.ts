import type { Logger } from 'pino'
import { GENESIS, sealRecord } from '../../core/audit/chain.ts'
import type { AuditRecord } from '../../core/audit/event.ts'
import { systemAlarm } from './alarm.ts'
import { GroupWriter, type LineStore } from './group-writer.ts'
import type { Journal, JournalOptions } from './journal.ts'
import { createPulse } from './pulse.ts'

type MemoryJournalOptions = Pick<JournalOptions, 'source' | 'broker' | 'newId' | 'log' | 'onDurable'>

/** Older records are forgotten. */
const keptRecords = 10_000
const store: LineStore = { write: () => Promise.resolve() }

/**
 * A journal that is gone with the process: the same chain, nothing on a disk. For measuring what durability costs; every
 * record says `durability: memory`.
 */
export function createMemoryJournal({ source, broker, newId, log, onDurable }: MemoryJournalOptions): Journal {
  warn(log)
  const kept: AuditRecord[] = []
  const pulse = createPulse()
  const closing = new AbortController()
  const writer = new GroupWriter({
    head: { chainUid: newId(), sequence: 0, fingerprint: GENESIS },
    seal: (entry, { chainUid, sequence, fingerprint: previous }) =>
      sealRecord(entry, {
        previous,
        sequence: sequence + 1,
        chainUid,
        id: newId(),
        source,
        broker,
        durability: 'memory',
      }),
    store,
    queueRecords: keptRecords,
    stallMs: 60_000,
    alarm: systemAlarm,
    onDurable(record) {
      kept.push(record)
      if (kept.length >= 2 * keptRecords) kept.splice(0, keptRecords)
      onDurable?.(record)
      pulse.beat()
    },
    onFailure: (cause) => log.error({ err: cause }, 'audit journal has failed'),
  })

  async function* records(after = 0): AsyncGenerator<AuditRecord> {
    yield* kept.filter(({ sequence }) => Number(sequence) > after)
  }

  async function* tail(signal: AbortSignal, after = writer.durable.sequence): AsyncGenerator<AuditRecord> {
    const ending = AbortSignal.any([signal, closing.signal])
    let last = after
    while (!signal.aborted) {
      for await (const record of records(last)) {
        last = Number(record.sequence)
        yield record
      }
      if (writer.durable.sequence > last) continue
      if (closing.signal.aborted) return
      await pulse.next(ending)
    }
  }

  return Object.freeze({
    append: (entry: Parameters<Journal['append']>[0]) => writer.append(entry),
    records,
    tail,
    head: () => writer.durable,
    health() {
      const { refusal: reason, queueLength } = writer
      return { isWritable: reason === undefined, reason, queueLength, lastFsyncMs: 0 }
    },
    async close(signal: AbortSignal) {
      await writer.close(signal)
      closing.abort()
    },
  })
}

function warn(log: Logger): void {
  log.warn('AUDIT RECORDS ARE KEPT IN MEMORY ONLY and are lost when this process ends: for measurements, never for use')
}
