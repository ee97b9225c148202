import { describe, expect, it } from 'vitest'
import { createFresh } from '../../../core/io/fresh.ts'

function scene(values: readonly (number | Error)[]) {
  let now = 1_000_000
  let reads = 0
  const errors: unknown[] = []
  const fresh = createFresh(
    async () => {
      const value = values[reads]
      reads += 1
      if (typeof value === 'number') return value
      throw value
    },
    { clock: () => new Date(now), maxAgeMs: 60_000, onError: (error) => errors.push(error) },
  )
  const pass = (ms: number): void => {
    now += ms
  }
  return { fresh, errors, pass, reads: () => reads }
}

describe('createFresh', () => {
  it('reads once within the maximum age, and again after it', async () => {
    const { fresh, pass } = scene([1, 2])

    expect(await fresh.current()).toBe(1)
    pass(59_999)
    expect(await fresh.current()).toBe(1)
    pass(1)
    expect(await fresh.current()).toBe(2)
  })

  it('lets concurrent callers share one reading', async () => {
    const { fresh, reads } = scene([1, 2])

    await Promise.all([fresh.current(), fresh.current(), fresh.current()])

    expect(reads()).toBe(1)
  })

  it('fails when the first reading fails, and tries again with the next call', async () => {
    const { fresh } = scene([new Error('not there yet'), 2])

    await expect(fresh.current()).rejects.toThrow('not there yet')
    expect(await fresh.current()).toBe(2)
  })

  it('keeps the last good value when a later reading fails, and reports it', async () => {
    const { fresh, errors, pass } = scene([1, new Error('half a file'), 3])
    await fresh.current()

    pass(60_000)
    expect(await fresh.current()).toBe(1)
    expect(errors).toHaveLength(1)

    pass(60_000)
    expect(await fresh.current()).toBe(3)
  })

  it('reads anew after expire, but not within a second of the last reading', async () => {
    const { fresh, pass } = scene([1, 2])
    await fresh.current()

    expect(fresh.expire()).toBe(false)
    expect(await fresh.current()).toBe(1)

    pass(1000)
    expect(fresh.expire()).toBe(true)
    expect(await fresh.current()).toBe(2)
  })

  it('reads anew when the clock was set back', async () => {
    const { fresh, pass } = scene([1, 2])
    await fresh.current()

    pass(-3_600_000)

    expect(await fresh.current()).toBe(2)
  })
})
