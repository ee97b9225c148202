import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochSeconds, rfc3339 } from '../../core/clock.ts'

describe('epochSeconds', () => {
  it.each([
    ['1970-01-01T00:00:00.000Z', 0],
    ['1970-01-01T00:00:00.999Z', 0],
    ['2026-01-01T00:00:00.001Z', 1_767_225_600],
    // Down, not towards zero: a moment before the epoch is not after it.
    ['1969-12-31T23:59:59.500Z', -1],
  ])('of %s is %i', (text, seconds) => {
    expect(epochSeconds(new Date(text))).toBe(seconds)
  })
})

describe('rfc3339', () => {
  it('writes UTC without fractions', () => {
    expect(rfc3339(new Date('2026-02-03T04:05:06.789Z'))).toBe('2026-02-03T04:05:06Z')
  })

  it('reads back as the same whole second', () => {
    const dates = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })

    fc.assert(fc.property(dates, (date) => epochSeconds(new Date(rfc3339(date))) === epochSeconds(date)))
  })
})
