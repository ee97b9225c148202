import { describe, expect, it } from 'vitest'
import { keepHouse } from '../../broker/housekeeping.ts'
import type { KeyChange } from '../../broker/issuer/key-store.ts'
import { createLog } from '../../core/io/log.ts'
import { manualTime } from '../core/io/manual-time.ts'

function house(rotateIfDue: () => Promise<KeyChange> = async () => 'unchanged') {
  const time = manualTime()
  const stop = new AbortController()
  const lines: Record<string, unknown>[] = []
  const done: string[] = []
  const log = createLog({ name: 'broker', destination: { write: (line: string) => void lines.push(JSON.parse(line)) } })
  const ended = keepHouse(
    {
      keys: {
        rotateIfDue() {
          done.push('rotate')
          return rotateIfDue()
        },
      },
      books: [{ sweep: (now) => void done.push(`sweep ${now.toISOString()}`) }],
      clock: time.clock,
      delay: time.delay,
      log,
    },
    stop.signal,
  )
  return { time, stop, lines, done, ended }
}

describe('keepHouse', () => {
  it('sweeps and rotates every minute, not before', async () => {
    const { time, done, stop, ended } = house()

    await time.pass(59_999)
    expect(done).toEqual([])
    await time.pass(1)
    expect(done).toEqual(['sweep 2026-01-01T00:01:00.000Z', 'rotate'])
    await time.pass(60_000)
    expect(done).toHaveLength(4)
    stop.abort()
    await ended
  })

  it('tells of keys that changed, and only of those', async () => {
    const changes: KeyChange[] = ['unchanged', 'rotated', 'reloaded']
    const { time, lines, stop, ended } = house(async () => changes.shift() ?? 'unchanged')

    for (let minute = 0; minute < 4; minute++) await time.pass(60_000)

    expect(lines).toMatchObject([
      { level: 'info', change: 'rotated', msg: 'signing keys changed' },
      { level: 'info', change: 'reloaded' },
    ])
    stop.abort()
    await ended
  })

  it('goes on after keys could not be rotated', async () => {
    let isBroken = true
    const { time, lines, done, stop, ended } = house(async () => {
      if (isBroken) throw new Error('the disk is full')
      return 'rotated'
    })

    await time.pass(60_000)
    isBroken = false
    await time.pass(60_000)

    expect(lines).toMatchObject([
      { level: 'error', err: { message: 'the disk is full' } },
      { level: 'info', change: 'rotated' },
    ])
    expect(done).toHaveLength(4)
    stop.abort()
    await ended
  })

  it('ends at once with the process, and does nothing more', async () => {
    const { time, done, stop, ended } = house()

    stop.abort()
    await ended

    expect([done, time.pending()]).toEqual([[], 0])
  })
})
