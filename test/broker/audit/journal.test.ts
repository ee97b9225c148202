import { readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { systemDisk } from '../../../broker/audit/disk.ts'
import type { AuditRecord } from '../../../core/audit/event.ts'
import { auditRecordSchema } from '../../../core/audit/schema.ts'
import {
  collect,
  gate,
  grippedDisk,
  never,
  numbered,
  open,
  segmentFiles,
  temporaryDirectory,
  verifyDirectory,
} from './journal-fixture.ts'

describe('openJournal', () => {
  it('writes one canonical line for each entry, before the append resolves', async () => {
    const directory = await temporaryDirectory()
    const journal = await open(directory)

    const receipt = await journal.append(numbered(1))

    const [file = ''] = await segmentFiles(directory)
    const lines = (await readFile(join(directory, file), 'utf8')).split('\n')
    const record = JSON.parse(lines[0] ?? '')
    expect(lines).toHaveLength(2)
    expect(receipt).toEqual({ eventId: record.id, sequence: 1, chainUid: record.data.attestation.chain_uid })
    expect(auditRecordSchema.parse(record)).toMatchObject({
      subject: 'payments/run-1',
      source: '/tokenbroker/tokenbroker-0',
      data: { durability: 'fdatasync', broker: { name: 'tokenbroker-0' } },
    })
  })

  it('makes directory and files for this user alone', async () => {
    const directory = join(await temporaryDirectory(), 'audit')
    const journal = await open(directory)

    await journal.append(numbered(1))

    const [file = ''] = await segmentFiles(directory)
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600)
  })

  it('makes the names of the directories that it creates durable', async () => {
    const synced: string[] = []
    const parent = await temporaryDirectory()
    const syncDirectory = async (path: string) => void synced.push(path)
    const disk = { ...systemDisk, syncDirectory }

    await open(join(parent, 'a', 'b'), { disk })

    expect(synced).toEqual([join(parent, 'a'), parent])
  })

  it('keeps the order of the appends, whatever is grouped', async () => {
    const directory = await temporaryDirectory()
    const journal = await open(directory)

    const receipts = await Promise.all(Array.from({ length: 200 }, (_, index) => journal.append(numbered(index))))

    expect(receipts.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1))
    expect(await collect(journal.records())).toEqual(Array.from({ length: 200 }, (_, index) => `payments/run-${index}`))
    expect(await verifyDirectory(directory, { expectedHead: journal.head() })).toMatchObject({
      verdict: 'ok',
      isAnchored: true,
      records: 200,
    })
  })

  it('writes the first entry at once and what comes meanwhile as one group', async () => {
    const operations: string[] = []
    const disk = grippedDisk((operation) => void operations.push(operation))
    const journal = await open(await temporaryDirectory(), { disk })

    await Promise.all(Array.from({ length: 50 }, (_, index) => journal.append(numbered(index))))

    const group = ['append', 'landed']
    expect(operations).toEqual(['open', 'syncDirectory', ...group, ...group])
  })

  it('knows that the bytes are durable before an append resolves', async () => {
    const sync = gate()
    const disk = grippedDisk((operation) => (operation === 'landed' ? sync.wait() : undefined))
    const journal = await open(await temporaryDirectory(), { disk })
    let isAcknowledged = false

    const appended = journal.append(numbered(1)).then(() => {
      isAcknowledged = true
    })
    await vi.waitFor(() => expect(sync.waiting()).toBe(1))

    expect(isAcknowledged).toBe(false)
    expect(journal.head().sequence).toBe(0)
    sync.open()
    await appended
    expect(journal.head().sequence).toBe(1)
  })

  it('shows each durable record to onDurable, in order and before its append resolves', async () => {
    const seen: string[] = []
    const journal = await open(await temporaryDirectory(), { onDurable: ({ subject }) => seen.push(subject) })

    const appends = [1, 2, 3].map(async (number) => {
      await journal.append(numbered(number))
      expect(seen).toContain(`payments/run-${number}`)
    })
    await Promise.all(appends)

    expect(seen).toEqual(['payments/run-1', 'payments/run-2', 'payments/run-3'])
  })

  it('continues the chain after a restart, and replays it to onDurable', async () => {
    const directory = await temporaryDirectory()
    const before = await open(directory)
    await before.append(numbered(1))
    await before.close(never)

    const seen: AuditRecord[] = []
    const after = await open(directory, { onDurable: (record) => seen.push(record) })
    const receipt = await after.append(numbered(2))

    expect(receipt).toMatchObject({ sequence: 2, chainUid: before.head().chainUid })
    expect(seen.map(({ subject }) => subject)).toEqual(['payments/run-1', 'payments/run-2'])
    expect(await segmentFiles(directory)).toHaveLength(1)
    expect(await verifyDirectory(directory)).toMatchObject({ verdict: 'ok', records: 2 })
  })

  it('begins a new segment when one is full, and reads over all of them', async () => {
    const directory = await temporaryDirectory()
    const journal = await open(directory, { limits: { segmentBytes: 3000 } })

    for (let number = 1; number <= 12; number++) await journal.append(numbered(number))
    await journal.close(never)
    const again = await open(directory, { limits: { segmentBytes: 3000 } })
    await again.append(numbered(13))

    const files = await segmentFiles(directory)
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(directory, file))).size))
    expect(files.length).toBeGreaterThan(3)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3000)
    expect(await collect(again.records())).toHaveLength(13)
    expect(await verifyDirectory(directory)).toMatchObject({ verdict: 'ok', records: 13 })
  })

  it('closes after writing what waits, and takes nothing more', async () => {
    const directory = await temporaryDirectory()
    const journal = await open(directory)
    const appends = Array.from({ length: 20 }, (_, index) => journal.append(numbered(index)))

    await journal.close(never)

    expect(await Promise.all(appends)).toHaveLength(20)
    await expect(journal.append(numbered(99))).rejects.toMatchObject({ reason: 'audit_unavailable' })
    expect(journal.health()).toMatchObject({ isWritable: false, reason: 'closed', queueLength: 0 })
    expect(await verifyDirectory(directory)).toMatchObject({ records: 20 })
  })

  it('refuses an entry that is no JSON, and goes on without a gap', async () => {
    const directory = await temporaryDirectory()
    const journal = await open(directory)
    const broken = { ...numbered(2), subject: '\ud800' }

    const [first, refused, third] = await Promise.allSettled([
      journal.append(numbered(1)),
      journal.append(broken),
      journal.append(numbered(3)),
    ])

    expect(refused).toMatchObject({ reason: { reason: 'audit_unavailable' } })
    expect([first, third]).toMatchObject([{ value: { sequence: 1 } }, { value: { sequence: 2 } }])
    expect(await verifyDirectory(directory)).toMatchObject({ verdict: 'ok', records: 2 })
  })

  it('says how long the disk took', async () => {
    let ms = 0
    const journal = await open(await temporaryDirectory(), { monotonicMs: () => (ms += 7) })

    await journal.append(numbered(1))

    expect(journal.health()).toEqual({ isWritable: true, reason: undefined, queueLength: 0, lastFsyncMs: 7 })
  })
})

describe('records', () => {
  it('begins after a sequence and ends with the last record at the time of the call', async () => {
    const journal = await open(await temporaryDirectory(), { limits: { segmentBytes: 3000 } })
    for (let number = 1; number <= 9; number++) await journal.append(numbered(number))

    const records = journal.records(7)
    await journal.append(numbered(10))

    expect(await collect(records)).toEqual(['payments/run-8', 'payments/run-9'])
    expect(await collect(journal.records(10))).toEqual([])
  })

  it('shows no record that is written but not durable', async () => {
    const sync = gate()
    let isHeld = false
    const disk = grippedDisk((operation) => (operation === 'landed' && isHeld ? sync.wait() : undefined))
    const journal = await open(await temporaryDirectory(), { disk })
    await journal.append(numbered(1))

    isHeld = true
    const second = journal.append(numbered(2))
    await vi.waitFor(() => expect(sync.waiting()).toBe(1))

    expect(await collect(journal.records())).toEqual(['payments/run-1'])
    sync.open()
    await second
    expect(await collect(journal.records())).toEqual(['payments/run-1', 'payments/run-2'])
  })
})

describe('records whose files are changed beneath the broker', () => {
  it.each([
    ['removed', (path: string) => rm(path)],
    ['emptied', (path: string) => truncate(path, 0)],
    ['overwritten', (path: string) => writeFile(path, 'nonsense\n')],
  ])('end with an error when they are %s', async (_, change) => {
    const directory = await temporaryDirectory()
    const journal = await open(directory)
    await journal.append(numbered(1))

    const [file = ''] = await segmentFiles(directory)
    await change(join(directory, file))

    await expect(collect(journal.records())).rejects.toMatchObject({ name: 'JournalUnusable', kind: 'damaged' })
  })
})

describe('tail', () => {
  it('follows what is appended, over segments, and ends with the journal', async () => {
    const journal = await open(await temporaryDirectory(), { limits: { segmentBytes: 3000 } })
    await journal.append(numbered(0))

    const followed = collect(journal.tail(never))
    const fromStart = collect(journal.tail(never, 0))
    for (let number = 1; number <= 20; number++) await journal.append(numbered(number))
    await journal.close(never)

    const all = Array.from({ length: 21 }, (_, index) => `payments/run-${index}`)
    expect(await fromStart).toEqual(all)
    expect(await followed).toEqual(all.slice(1))
  })

  it('ends when its signal is aborted', async () => {
    const journal = await open(await temporaryDirectory())
    const ending = new AbortController()
    const seen: string[] = []

    const following = (async () => {
      for await (const { subject } of journal.tail(ending.signal)) {
        seen.push(subject)
        ending.abort()
      }
    })()
    await journal.append(numbered(1))
    await following

    expect(seen).toEqual(['payments/run-1'])
  })

  it('ends also when that happens while it reads', async () => {
    const journal = await open(await temporaryDirectory())
    const ending = new AbortController()
    await Promise.all([1, 2, 3].map((number) => journal.append(numbered(number))))

    const records = journal.tail(ending.signal, 0)[Symbol.asyncIterator]()
    expect(await records.next()).toMatchObject({ value: { subject: 'payments/run-1' } })
    ending.abort()
    const rest = [await records.next(), await records.next(), await records.next()]

    expect(rest.at(-1)).toEqual({ done: true, value: undefined })
  })
})
