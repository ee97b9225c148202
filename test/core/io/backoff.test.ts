import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs } from '../../../core/io/backoff.ts'

describe('backoffMs', () => {
  it.each([
    [0, 100],
    [1, 200],
    [3, 800],
    [4, 1000],
    [4000, 1000],
  ])('bounds wait %i by %i ms', (attempt, bound) => {
    const waits = [0, 0.5, 1].map((random) => backoffMs(attempt, { baseMs: 100, maxMs: 1000 }, () => random))

    expect(waits).toEqual([bound / 2, (bound * 3) / 4, bound])
  })

  it('never waits longer than the maximum nor less than half the base', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.nat(), random, (attempt, chance) => {
        const wait = backoffMs(attempt, { baseMs: 5, maxMs: 60_000 }, () => chance)
        return wait >= 2.5 && wait <= 60_000
      }),
    )
  })
})
