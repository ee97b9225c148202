import { describe, expect, it, vi } from 'vitest'
import { systemDisk } from '../../../broker/audit/disk.ts'
import { createGrantBook } from '../../../broker/audit/project-grants.ts'
import {
  collect,
  gate,
  grippedDisk,
  handAlarm,
  never,
  numbered,
  open,
  systemError,
  temporaryDirectory,
  verifyDirectory,
} from './journal-fixture.ts'

const unavailable = { reason: 'audit_unavailable' }

/** A disk whose appends wait at a gate while it is held. */
function heldDisk() {
  const door = gate()
  const hold = { isHeld: false }
  const disk = grippedDisk((operation) => (operation === 'append' && hold.isHeld ? door.wait() : undefined))
  return { door, hold, disk }
}

describe('a disk that fails', () => {
  it.each([
    ['append', 'ENOSPC'],
    ['append', 'EIO'],
    ['landed', 'EIO'],
    ['open', 'EROFS'],
    ['syncDirectory', 'EIO'],
  ] as const)('stops the journal for good when %s gives %s', async (failing, code) => {
    const operations: string[] = []
    const disk = grippedDisk((operation) => {
      operations.push(operation)
      if (operation === failing) throw systemError(code)
    })
    const journal = await open(await temporaryDirectory(), { disk })

    const outcomes = await Promise.allSettled([1, 2, 3].map((number) => journal.append(numbered(number))))
    const tried = operations.length
    await expect(journal.append(numbered(4))).rejects.toMatchObject(unavailable)

    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(operations).toHaveLength(tried)
    expect(operations.filter((operation) => operation === failing)).toHaveLength(1)
    expect(journal.health()).toMatchObject({ isWritable: false, reason: 'failed', queueLength: 0 })
    expect(journal.head().sequence).toBe(0)
  })

  it('is followed by a start that goes on with what was acknowledged', async () => {
    const directory = await temporaryDirectory()
    let isBroken = false
    const disk = grippedDisk((operation) => {
      if (operation === 'landed' && isBroken) throw systemError('EIO')
    })
    const journal = await open(directory, { disk })
    await journal.append(numbered(1))

    isBroken = true
    await expect(journal.append(numbered(2))).rejects.toMatchObject(unavailable)
    await journal.close(never)
    const again = await open(directory)
    await again.append(numbered(3))

    // The second was written and never acknowledged: it may stay, the chain holds either way.
    expect(await collect(again.records())).toEqual(['payments/run-1', 'payments/run-2', 'payments/run-3'])
    expect((await verifyDirectory(directory)).verdict).toBe('ok')
  })

  it('stops when a projection of the records throws', async () => {
    const onDurable = () => {
      throw new TypeError('projection')
    }
    const journal = await open(await temporaryDirectory(), { onDurable })

    await expect(journal.append(numbered(1))).rejects.toMatchObject(unavailable)

    expect(journal.health().reason).toBe('failed')
  })
})

describe('a disk that stalls', () => {
  it('refuses what is written, what waits and what comes, and never acknowledges it later', async () => {
    const directory = await temporaryDirectory()
    const { door, hold, disk } = heldDisk()
    const stall = handAlarm()
    const journal = await open(directory, { disk, alarm: stall.alarm })
    await journal.append(numbered(1))

    hold.isHeld = true
    const appends = [2, 3, 4].map((number) => journal.append(numbered(number)))
    await vi.waitFor(() => expect(door.waiting()).toBe(1))
    stall.ring()
    const outcomes = await Promise.allSettled(appends)

    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(outcomes[0]).toMatchObject({ reason: unavailable })
    await expect(journal.append(numbered(5))).rejects.toMatchObject(unavailable)
    expect(journal.health()).toMatchObject({ isWritable: false, reason: 'stalled', queueLength: 3 })
    door.open()
  })

  it('goes on when the disk does, behind what landed unacknowledged', async () => {
    const directory = await temporaryDirectory()
    const { door, hold, disk } = heldDisk()
    const stall = handAlarm()
    const seen: string[] = []
    const journal = await open(directory, { disk, alarm: stall.alarm, onDurable: ({ subject }) => seen.push(subject) })

    hold.isHeld = true
    const appends = [1, 2, 3].map((number) => journal.append(numbered(number)))
    await vi.waitFor(() => expect(door.waiting()).toBe(1))
    stall.ring()
    await Promise.allSettled(appends)
    hold.isHeld = false
    door.open()
    await vi.waitFor(() => expect(journal.health().isWritable).toBe(true))
    const receipt = await journal.append(numbered(4))

    // 1 was on its way to the disk and landed; 2 and 3 had not been handed over and are gone without a gap.
    expect(receipt.sequence).toBe(2)
    expect(seen).toEqual(['payments/run-1', 'payments/run-4'])
    expect(await verifyDirectory(directory)).toMatchObject({ verdict: 'ok', records: 2 })
  })

  it('can be closed within the time that is given', async () => {
    const { door, hold, disk } = heldDisk()
    const journal = await open(await temporaryDirectory(), { disk })
    hold.isHeld = true
    const appends = [1, 2].map((number) => journal.append(numbered(number)))
    await vi.waitFor(() => expect(door.waiting()).toBe(1))
    const patience = new AbortController()

    const closed = journal.close(patience.signal)
    patience.abort()
    await closed

    const outcomes = await Promise.allSettled(appends)
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    door.open()
  })

  it('leaves no alarm behind a write that ended', async () => {
    const stall = handAlarm()
    const journal = await open(await temporaryDirectory(), { alarm: stall.alarm })

    await journal.append(numbered(1))

    expect(stall.pending()).toBe(0)
  })
})

describe('a queue that is full', () => {
  it('refuses what comes, keeps what waits, and opens again', async () => {
    const { door, hold, disk } = heldDisk()
    const directory = await temporaryDirectory()
    const journal = await open(directory, { disk, limits: { queueRecords: 3 } })
    hold.isHeld = true
    const accepted = [1, 2, 3, 4].map((number) => journal.append(numbered(number)))

    await expect(journal.append(numbered(5))).rejects.toMatchObject(unavailable)
    expect(journal.health()).toMatchObject({ isWritable: false, reason: 'queue_full', queueLength: 4 })
    await vi.waitFor(() => expect(door.waiting()).toBe(1))
    hold.isHeld = false
    door.open()

    expect(await Promise.all(accepted)).toHaveLength(4)
    expect((await journal.append(numbered(6))).sequence).toBe(5)
    expect((await verifyDirectory(directory)).verdict).toBe('ok')
  })
})

describe('a disk that is nearly full', () => {
  it('refuses appends until there is room again', async () => {
    let freeBytes = 50
    let now = 0
    const disk = { ...systemDisk, freeBytes: async () => freeBytes }
    const clock = () => new Date(now)
    const journal = await open(await temporaryDirectory(), { disk, clock, limits: { minFreeBytes: 100 } })

    await expect(journal.append(numbered(1))).rejects.toMatchObject(unavailable)
    expect(journal.health()).toMatchObject({ isWritable: false, reason: 'disk_low' })
    freeBytes = 200
    now += 5000

    await vi.waitFor(() => expect(journal.health().isWritable).toBe(true))
    expect((await journal.append(numbered(1))).sequence).toBe(1)
  })
})

describe('a disk that does not tell its free space', () => {
  it('is written to, since the next write shows what is wrong', async () => {
    const freeBytes = () => Promise.reject(systemError('EIO'))
    const journal = await open(await temporaryDirectory(), { disk: { ...systemDisk, freeBytes } })

    expect((await journal.append(numbered(1))).sequence).toBe(1)
  })
})

describe('the grant book behind a journal', () => {
  it('knows a grant before its append resolves', async () => {
    const clock = () => new Date('2026-08-18T10:00:00.000Z')
    const book = createGrantBook({ clock })
    const journal = await open(await temporaryDirectory(), { onDurable: book.apply })
    const expires_at = '2026-08-18T10:05:00Z'
    const token = { jti: 'j1', issuer: 'i', audience: 'a', scope: ['s'], issued_at: '2026-08-18T10:00:00Z', expires_at }
    const subject = { cluster: 'c', namespace: 'n', service_account: 'sa' }

    await journal.append({
      ...numbered(1),
      type: 'dev.tokenbroker.exchange.granted.v1',
      data: { outcome: 'granted', reason: 'granted', token, subject },
    })

    expect(book.grant('j1')).toMatchObject({ audience: 'a', serviceAccount: 'sa', isRevoked: false })
  })
})
