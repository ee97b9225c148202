import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import { onTestFinished } from 'vitest'
import type { Alarm } from '../../../broker/audit/alarm.ts'
import { type AppendFile, type AuditDisk, systemDisk } from '../../../broker/audit/disk.ts'
import { type Journal, type JournalOptions, openJournal } from '../../../broker/audit/journal.ts'
import type { AuditEntry, AuditRecord } from '../../../core/audit/event.ts'
import { type AuditLine, splitLines } from '../../../core/audit/lines.ts'
import { type Verification, type VerifyOptions, verifyLines } from '../../../core/audit/verify.ts'
import { createUuidV7 } from '../../../core/io/uuid.ts'
import { entry } from '../../core/audit/chain-fixture.ts'

export const never = new AbortController().signal
export const silent: Logger = pino({ level: 'silent' })

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tokenbroker-audit-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

export function journalOptions(directory: string, overrides: Partial<JournalOptions> = {}): JournalOptions {
  const clock = () => new Date('2026-08-18T10:00:00.000Z')
  return {
    directory,
    source: '/tokenbroker/tokenbroker-0',
    broker: { name: 'tokenbroker-0', version: '0.1.0' },
    clock,
    newId: createUuidV7(clock),
    log: silent,
    ...overrides,
  }
}

/** Opens a journal that the end of the test closes. */
export async function open(directory: string, overrides: Partial<JournalOptions> = {}): Promise<Journal> {
  const journal = await openJournal(journalOptions(directory, overrides), never)
  onTestFinished(() => journal.close(AbortSignal.abort()))
  return journal
}

/** An entry that can be told apart from others. */
export function numbered(number: number): AuditEntry {
  return entry({ subject: `payments/run-${number}` })
}

export async function segmentFiles(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((file) => file.endsWith('.jsonl')).sort()
}

/** What the offline verifier says of a directory. */
export async function verifyDirectory(directory: string, options: VerifyOptions = {}): Promise<Verification> {
  return await verifyLines(directoryLines(directory), options)
}

async function* directoryLines(directory: string): AsyncGenerator<AuditLine> {
  for (const file of await segmentFiles(directory)) {
    const bytes = await readFile(join(directory, file))
    yield* splitLines(ReadableStream.from([bytes]), { file })
  }
}

export async function collect(records: AsyncIterable<AuditRecord>): Promise<string[]> {
  const subjects: string[] = []
  for await (const { subject } of records) subjects.push(subject)
  return subjects
}

/** Rings when the test says so. */
export function handAlarm(): { readonly alarm: Alarm; ring(): void; pending(): number } {
  const set = new Set<() => void>()
  return {
    alarm: (_ms, ring) => {
      set.add(ring)
      return () => set.delete(ring)
    },
    ring() {
      const rings = [...set]
      set.clear()
      for (const ring of rings) ring()
    },
    pending: () => set.size,
  }
}

/**
 * The real disk with a grip on its files: `before` may wait or throw before each operation, and at `landed`, when the
 * bytes of an append are in the file and nobody was told yet.
 */
export function grippedDisk(
  before: (operation: 'append' | 'landed' | 'open' | 'syncDirectory') => Promise<void> | void,
  overrides: Partial<AuditDisk> = {},
): AuditDisk {
  return {
    ...systemDisk,
    async open(path, options) {
      await before('open')
      return gripped(await systemDisk.open(path, options), before)
    },
    async syncDirectory(directory) {
      await before('syncDirectory')
      await systemDisk.syncDirectory(directory)
    },
    ...overrides,
  }
}

function gripped(file: AppendFile, before: Parameters<typeof grippedDisk>[0]): AppendFile {
  return {
    async append(bytes) {
      await before('append')
      await file.append(bytes)
      await before('landed')
    },
    close: () => file.close(),
  }
}

/** An error as the operating system gives it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** A door that appends wait at until it is opened. */
export function gate(): { wait(): Promise<void>; open(): void; waiting(): number } {
  let opened = Promise.withResolvers<void>()
  let count = 0
  return {
    async wait() {
      count++
      await opened.promise
    },
    open() {
      const { resolve } = opened
      opened = Promise.withResolvers()
      count = 0
      resolve()
    },
    waiting: () => count,
  }
}
