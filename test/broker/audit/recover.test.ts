import { appendFile, cp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AuditRecord } from '../../../core/audit/event.ts'
import {
  collect,
  grippedDisk,
  never,
  numbered,
  open,
  segmentFiles,
  systemError,
  temporaryDirectory,
  verifyDirectory,
} from './journal-fixture.ts'

/** A closed journal of `count` records in segments of a few records each, or of one. */
async function written(count: number, segmentBytes = 1 << 20) {
  const directory = await temporaryDirectory()
  const journal = await open(directory, { limits: { segmentBytes } })
  for (let number = 1; number <= count; number++) await journal.append(numbered(number))
  await journal.close(never)
  const paths = (await segmentFiles(directory)).map((file) => join(directory, file))
  return { directory, head: journal.head(), paths, last: paths.at(-1) ?? '' }
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, 'utf8')))
}

describe('recovery of a torn tail', () => {
  it('cuts off an incomplete last line at whatever byte the crash left it, and records that', {
    timeout: 60_000,
  }, async () => {
    const { directory, last } = await written(3)
    const bytes = await readFile(last)
    const start = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1

    for (let size = start + 1; size < bytes.length; size++) {
      await writeFile(last, bytes.subarray(0, size))
      const seen: AuditRecord[] = []
      const journal = await open(directory, { onDurable: (record) => seen.push(record) })

      expect(seen.map(({ subject }) => subject)).toEqual(['payments/run-1', 'payments/run-2', 'tokenbroker-0'])
      expect(seen[2]).toMatchObject({
        type: 'dev.tokenbroker.broker.recovered.v1',
        sequence: '00000000000000000003',
        data: { reason: 'recovered_torn_tail', recovery: { truncated_bytes: size - start } },
      })
      await journal.close(never)
    }

    expect(await verifyDirectory(directory)).toMatchObject({ verdict: 'ok', records: 3 })
  })

  it('refuses to open when the repair cannot be recorded, and lets the directory go', async () => {
    const { directory, last } = await written(2)
    await truncate(last, (await readFile(last)).length - 5)
    const disk = grippedDisk((operation) => {
      if (operation === 'append') throw systemError('ENOSPC')
    })

    await expect(open(directory, { disk })).rejects.toMatchObject({ reason: 'audit_unavailable' })

    await expect(open(directory)).resolves.toBeDefined()
  })

  it('changes nothing when the last line is complete', async () => {
    const { directory, last } = await written(2)
    const before = await readFile(last)

    const journal = await open(directory)

    expect(journal.head().sequence).toBe(2)
    expect(await readFile(last)).toEqual(before)
  })

  it('goes on in an empty segment, as a crash after its creation leaves it', async () => {
    const { directory, last, head } = await written(1)
    await writeFile(last.replace('00000000000000000001', '00000000000000000002'), '')

    const journal = await open(directory)
    await journal.append(numbered(2))

    expect(journal.head()).toMatchObject({ chainUid: head.chainUid, sequence: 2 })
    expect(await segmentFiles(directory)).toHaveLength(2)
    expect(await verifyDirectory(directory)).toMatchObject({ verdict: 'ok', records: 2 })
  })

  it('begins anew in a first segment that holds no complete record', async () => {
    const { directory, last } = await written(1)
    await truncate(last, 100)

    const journal = await open(directory)

    expect(await collect(journal.records())).toEqual(['tokenbroker-0'])
    expect(await verifyDirectory(directory)).toMatchObject({ verdict: 'ok', records: 1 })
  })
})

describe('recovery of a damaged chain', () => {
  const damages: readonly (readonly [string, (paths: readonly string[]) => Promise<void>])[] = [
    ['an edited record', ([first = '']) => edit(first, (text) => text.replace('rbac_denied', 'rate_limited'))],
    ['a deleted record', ([first = '']) => edit(first, (text) => text.slice(text.indexOf('\n') + 1))],
    ['a repeated record', ([first = '']) => edit(first, (text) => text + text)],
    ['garbage that ends a line', (paths) => appendFile(paths.at(-1) ?? '', 'x\n')],
    ['more garbage than one write leaves', (paths) => appendFile(paths.at(-1) ?? '', 'x'.repeat(20_000))],
    ['a line cut short inside', ([first = '']) => edit(first, (text) => text.slice(0, -5))],
    ['a segment missing inside', (paths) => rm(paths[1] ?? '')],
    ['an exchanged segment', ([first = '', second = '']) => cp(first, second)],
    ['a renamed segment', ([first = '']) => rename(first, first.replace('0001.jsonl', '0002.jsonl'))],
    ['a chain with another name', ([first = '']) => rename(first, first.replace(/-0{19}1/, 'x-00000000000000000001'))],
    ['an emptied segment inside', (paths) => truncate(paths.at(-2) ?? '', 0)],
    [
      'a segment missing before an empty last one',
      async (paths) => {
        await rm(paths.at(-2) ?? '')
        await truncate(paths.at(-1) ?? '', 0)
      },
    ],
  ]

  it.each(damages)('refuses %s and says the mend', async (_, damage) => {
    const { directory, paths } = await written(9, 2000)
    expect(paths.length).toBeGreaterThan(3)

    await damage(paths)

    await expect(open(directory)).rejects.toMatchObject({
      name: 'JournalUnusable',
      kind: 'damaged',
      message: expect.stringContaining('acceptNewEpoch'),
    })
  })

  it('refuses a chain that ends before the expected head', async () => {
    const { directory, last, head } = await written(3)
    await edit(last, (text) => `${text.split('\n').slice(0, 2).join('\n')}\n`)

    await expect(open(directory, { expectedHead: head })).rejects.toMatchObject({ kind: 'damaged' })
    await expect(open(directory)).resolves.toBeDefined()
  })

  it('lets the directory go when it refuses', async () => {
    const { directory, last } = await written(1)
    const whole = await readFile(last, 'utf8')
    await edit(last, (text) => text.replace('rbac_denied', 'rate_limited'))
    await expect(open(directory)).rejects.toMatchObject({ kind: 'damaged' })

    await writeFile(last, whole)

    await expect(open(directory)).resolves.toBeDefined()
  })

  it('goes on when whole segments were pruned from the beginning', async () => {
    const { directory, paths } = await written(9, 2000)
    await rm(paths[0] ?? '')

    const journal = await open(directory)
    await journal.append(numbered(10))

    expect(journal.head().sequence).toBe(10)
    expect((await collect(journal.records())).at(-1)).toBe('payments/run-10')
    expect((await verifyDirectory(directory)).offence?.kind).toBe('missing_beginning')
  })
})

describe('a new epoch', () => {
  it('begins a chain that names the last record that could be verified, and why', async () => {
    const { directory, last, head } = await written(3)
    await edit(last, (text) => text.replace('payments/run-3', 'payments/run-4'))
    const seen: AuditRecord[] = []

    const journal = await open(directory, { acceptNewEpoch: true, onDurable: (record) => seen.push(record) })
    await journal.append(numbered(5))

    expect(seen.map(({ subject }) => subject)).toEqual(['tokenbroker-0', 'payments/run-5'])
    expect(seen[0]).toMatchObject({
      type: 'dev.tokenbroker.broker.recovered.v1',
      sequence: '00000000000000000001',
      data: {
        reason: 'accepted_new_epoch',
        recovery: {
          previous_head: { chain_uid: head.chainUid, sequence: '00000000000000000002' },
          offence: expect.stringContaining('line 3'),
        },
      },
    })
    expect(journal.head().chainUid).not.toBe(head.chainUid)
    expect(await segmentFiles(directory)).toHaveLength(2)
    expect(await verifyDirectory(directory)).toMatchObject({ verdict: 'tampered', offence: { line: 3 }, records: 4 })
  })

  it('is continued by later starts without the permission', async () => {
    const { directory, last } = await written(3)
    await edit(last, (text) => text.replace('payments/run-3', 'payments/run-4'))
    const first = await open(directory, { acceptNewEpoch: true })
    await first.close(never)

    const second = await open(directory)
    await second.append(numbered(6))

    expect(second.head()).toMatchObject({ chainUid: first.head().chainUid, sequence: 2 })
  })

  it('is not begun where the chain verifies, and the records are replayed once', async () => {
    const { directory, head } = await written(3)
    const seen: string[] = []

    const journal = await open(directory, { acceptNewEpoch: true, onDurable: ({ subject }) => seen.push(subject) })

    expect(journal.head()).toEqual(head)
    expect(seen).toHaveLength(3)
  })

  it('needs the permission again when the record of its beginning was never written', async () => {
    const { directory, last } = await written(3)
    await edit(last, (text) => text.replace('payments/run-3', 'payments/run-4'))
    const epoch = await open(directory, { acceptNewEpoch: true })
    await epoch.close(never)
    const [, second = ''] = await segmentFiles(directory)
    await truncate(join(directory, second), 100)

    await expect(open(directory)).rejects.toMatchObject({ kind: 'damaged' })
    const again = await open(directory, { acceptNewEpoch: true })

    expect(await collect(again.records())).toEqual(['tokenbroker-0'])
    expect((await segmentFiles(directory))[1]).toMatch(/^000002-/)
  })

  it('is linked so that a tail cut off from the old chain afterwards shows', async () => {
    const { directory, last, head } = await written(3)
    const ahead = { ...head, sequence: 4 }
    const journal = await open(directory, { acceptNewEpoch: true, expectedHead: ahead })
    await journal.close(never)
    expect(await verifyDirectory(directory)).toMatchObject({ verdict: 'ok', records: 4 })

    await edit(last, (text) => `${text.split('\n').slice(0, 2).join('\n')}\n`)

    expect(await verifyDirectory(directory)).toMatchObject({ verdict: 'incomplete', offence: { kind: 'missing_tail' } })
  })
})
