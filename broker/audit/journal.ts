import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Logger } from 'pino'
import { type ChainHead, sealRecord } from '../../core/audit/chain.ts'
import type { AuditEntry, AuditJournal, AuditRecord, Receipt } from '../../core/audit/event.ts'
import type { Clock } from '../../core/clock.ts'
import { Problem } from '../../core/problem.ts'
import { type Alarm, systemAlarm } from './alarm.ts'
import { type AuditDisk, systemDisk } from './disk.ts'
import { createDiskWatch, type DiskWatch } from './disk-watch.ts'
import { GroupWriter } from './group-writer.ts'
import { lockDirectory } from './lock.ts'
import { createPulse, type Pulse } from './pulse.ts'
import { RecordReader } from './record-reader.ts'
import { type Recovered, recover } from './recover.ts'
import { SegmentStore } from './segment-store.ts'

/** Where the journal cannot be written, why. */
export type JournalRefusal = 'stalled' | 'failed' | 'closed' | 'queue_full' | 'disk_low'

export interface JournalHealth {
  /** Whether an append would be tried now; readiness follows it. */
  readonly isWritable: boolean
  readonly reason: JournalRefusal | undefined
  /** Records that are not durable yet. */
  readonly queueLength: number
  readonly lastFsyncMs: number
}

/** The audit stream of one broker: what the exchange appends to, and what the rest reads. */
export interface Journal extends AuditJournal {
  /** Durable records of the present chain, from its beginning or after a sequence, to the last at the time of the call. */
  records(after?: number, signal?: AbortSignal): AsyncIterable<AuditRecord>
  /** Records from now on, or after a sequence, as they become durable, until `signal` is aborted or the journal closed. */
  tail(signal: AbortSignal, after?: number): AsyncIterable<AuditRecord>
  /** Last durable record; what to anchor. */
  head(): ChainHead
  health(): JournalHealth
  /** Takes no more entries, writes what waits and lets the directory go; `signal` ends the waiting. */
  close(signal: AbortSignal): Promise<void>
}

export interface JournalLimits {
  /** Size at which a new segment begins. Default 64 MiB. */
  readonly segmentBytes: number
  /** Records that may wait for the disk. Default 10 000. */
  readonly queueRecords: number
  /** A write that takes longer refuses everything until it is done. Default 5000. */
  readonly stallMs: number
  /** Free space below which nothing is appended. Default 128 MiB. */
  readonly minFreeBytes: number
}

export interface JournalOptions {
  /** Made when it is not there, mode 0700. One broker at a time. */
  readonly directory: string
  /** CloudEvents `source`, such as `/tokenbroker/<name>`; with the record's id it is the key of its consumers. */
  readonly source: string
  readonly broker: { readonly name: string; readonly version: string }
  readonly clock: Clock
  /** UUIDv7s: record ids, chain ids. */
  readonly newId: () => string
  readonly log: Logger
  /** Sees every record of the chain in order: those found at the start, then each new one before its append resolves. */
  readonly onDurable?: (record: AuditRecord) => void
  /** Begin a new chain where the last one does not verify. Default false. */
  readonly acceptNewEpoch?: boolean
  /** Head remembered outside the journal; a chain that ends before it is damaged. */
  readonly expectedHead?: ChainHead
  readonly limits?: Partial<JournalLimits>
  readonly disk?: AuditDisk
  readonly alarm?: Alarm
  /** Milliseconds from any moment, never going back. Default `performance.now`. */
  readonly monotonicMs?: () => number
}

const defaultLimits: JournalLimits = {
  segmentBytes: 64 * 1024 * 1024,
  queueRecords: 10_000,
  stallMs: 5000,
  minFreeBytes: 128 * 1024 * 1024,
}

/**
 * Opens the embedded journal of a directory: checks the chain that is there and goes on with it.
 *
 * @throws JournalUnusable when another process writes it, or when it does not verify
 */
export async function openJournal(options: JournalOptions, signal: AbortSignal): Promise<Journal> {
  const { directory, newId, log, disk = systemDisk, onDurable = ignore } = options
  await makeDirectory(directory, disk)
  const unlock = await lockDirectory(directory, newId())
  const { acceptNewEpoch = false } = options
  let recovered: Recovered
  let parts: Parts
  try {
    recovered = await recover({ ...options, disk, acceptNewEpoch, onRecord: onDurable }, signal)
    parts = await assemble(options, recovered, disk)
  } catch (error) {
    await unlock()
    throw error
  }
  const journal = createJournal(directory, parts, unlock)
  try {
    await announce(options, parts.writer, recovered)
  } catch (error) {
    await journal.close(AbortSignal.abort())
    throw error
  }
  const { chainUid: chain_uid, sequence } = journal.head()
  log.info({ directory, chain_uid, sequence, ...recovered.note }, 'audit journal open')
  return journal
}

/** Makes the directory durable as well: records synced into it would be lost with its name. */
async function makeDirectory(directory: string, disk: AuditDisk): Promise<void> {
  const created = await mkdir(directory, { recursive: true, mode: 0o700 })
  if (created === undefined) return
  const end = dirname(resolve(created))
  for (let path = resolve(directory); path !== end; path = dirname(path)) await disk.syncDirectory(dirname(path))
}

/** Records what recovery did, before anything else and whatever room the disk has left. */
async function announce({ broker, clock }: JournalOptions, writer: GroupWriter, { note }: Recovered): Promise<void> {
  if (note === undefined) return
  const data = { outcome: 'info', ...note } as const
  await writer.append({ type: 'dev.tokenbroker.broker.recovered.v1', subject: broker.name, time: clock(), data })
}

interface Parts {
  readonly writer: GroupWriter
  readonly store: SegmentStore
  readonly watch: DiskWatch
  readonly pulse: Pulse
}

async function assemble(options: JournalOptions, recovered: Recovered, disk: AuditDisk): Promise<Parts> {
  const { directory, clock, log, onDurable = ignore, monotonicMs = () => performance.now() } = options
  const limits = { ...defaultLimits, ...options.limits }
  const { epoch, head, segment } = recovered
  const current = segment && {
    file: await disk.open(segment.path, { isNew: false }),
    sizeBytes: segment.sizeBytes,
  }
  const placing = { directory, epoch, chainUid: head.chainUid, segmentBytes: limits.segmentBytes }
  const store = new SegmentStore({ ...placing, disk, monotonicMs }, current)
  const pulse = createPulse()
  const writer = new GroupWriter({
    head,
    seal: sealer(options),
    store,
    queueRecords: limits.queueRecords,
    stallMs: limits.stallMs,
    alarm: options.alarm ?? systemAlarm,
    onDurable: (record) => {
      onDurable(record)
      pulse.beat()
    },
    onFailure: (cause) => log.error({ err: cause }, 'audit journal has failed: nothing is granted until a restart'),
  })
  const watch = createDiskWatch({ directory, minFreeBytes: limits.minFreeBytes, disk, clock, log })
  await watch.refresh()
  return { writer, store, watch, pulse }
}

function sealer({ source, broker, newId }: JournalOptions) {
  return (entry: AuditEntry, { chainUid, sequence, fingerprint }: ChainHead) =>
    sealRecord(entry, {
      previous: fingerprint,
      sequence: sequence + 1,
      chainUid,
      id: newId(),
      source,
      broker,
      durability: 'fdatasync',
    })
}

function createJournal(
  directory: string,
  { writer, store, watch, pulse }: Parts,
  unlock: () => Promise<void>,
): Journal {
  const { chainUid } = writer.durable
  const closing = new AbortController()

  function refusal(): JournalRefusal | undefined {
    return writer.refusal ?? (watch.isLow() ? 'disk_low' : undefined)
  }

  async function* tail(signal: AbortSignal, after = writer.durable.sequence): AsyncGenerator<AuditRecord> {
    const reader = new RecordReader({ directory, chainUid, after })
    const ending = AbortSignal.any([signal, closing.signal])
    while (!signal.aborted) {
      const { sequence } = writer.durable
      try {
        yield* reader.readUpTo(sequence, signal)
      } catch (error) {
        if (signal.aborted) return
        throw error
      }
      if (writer.durable.sequence > sequence) continue
      if (closing.signal.aborted) return
      await pulse.next(ending)
    }
  }

  return Object.freeze({
    append(entry: AuditEntry): Promise<Receipt> {
      return watch.isLow() ? Promise.reject(diskLow()) : writer.append(entry)
    },
    records(after = 0, signal = new AbortController().signal) {
      return new RecordReader({ directory, chainUid, after }).readUpTo(writer.durable.sequence, signal)
    },
    tail,
    head: () => writer.durable,
    health() {
      const reason = refusal()
      const { queueLength } = writer
      return { isWritable: reason === undefined, reason, queueLength, lastFsyncMs: store.lastSyncMs }
    },
    async close(signal: AbortSignal) {
      await writer.close(signal)
      closing.abort()
      // A write that has not ended may still land: file and directory stay ours until the process ends.
      if (writer.queueLength > 0) return
      try {
        await store.close()
      } finally {
        await unlock()
      }
    },
  })
}

function diskLow(): Problem {
  return new Problem('audit_unavailable', { detail: 'the disk of the audit journal is nearly full' })
}

function ignore(): void {}
