import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRateLimit } from '../../core/rate-limit.ts'

function limit(options: { perSecond?: number; burst?: number; maxKeys?: number } = {}) {
  const time = { ms: 1_000_000 }
  const isWithinRate = createRateLimit({
    perSecond: 10,
    burst: 3,
    maxKeys: 100,
    ...options,
    clock: () => new Date(time.ms),
  })
  return { time, isWithinRate }
}

describe('createRateLimit', () => {
  it('lets a burst through and nothing more', () => {
    const { isWithinRate } = limit()

    expect([1, 2, 3, 4, 5].map(() => isWithinRate('pod'))).toEqual([true, true, true, false, false])
  })

  it('fills up with time, never above the burst', () => {
    const { time, isWithinRate } = limit()
    for (let i = 0; i < 4; i += 1) isWithinRate('pod')

    time.ms += 100
    const afterTenth = [isWithinRate('pod'), isWithinRate('pod')]
    time.ms += 3_600_000
    const afterAnHour = [1, 2, 3, 4].map(() => isWithinRate('pod'))

    expect(afterTenth).toEqual([true, false])
    expect(afterAnHour).toEqual([true, true, true, false])
  })

  it('keeps fractions: many small waits are as good as a long one', () => {
    const { time, isWithinRate } = limit({ perSecond: 1, burst: 1 })
    isWithinRate('pod')

    const answers = [1, 2, 3, 4].map(() => {
      time.ms += 250
      return isWithinRate('pod')
    })

    expect(answers).toEqual([false, false, false, true])
  })

  it('counts each key by itself', () => {
    const { isWithinRate } = limit({ burst: 1 })

    expect([isWithinRate('a'), isWithinRate('b'), isWithinRate('a')]).toEqual([true, true, false])
  })

  it('gives nothing for a clock that went back', () => {
    const { time, isWithinRate } = limit({ burst: 1 })
    isWithinRate('pod')

    time.ms -= 3_600_000

    expect(isWithinRate('pod')).toBe(false)
  })

  it('forgets the key that asked longest ago when there are too many', () => {
    const { isWithinRate } = limit({ burst: 1, maxKeys: 2 })
    isWithinRate('a')
    isWithinRate('b')
    isWithinRate('a')

    isWithinRate('c')

    expect(isWithinRate('a')).toBe(false)
    expect(isWithinRate('b')).toBe(true)
  })

  it('never lets more through than burst plus rate times time', () => {
    const waits = fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 200 })

    fc.assert(
      fc.property(waits, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20 }), (steps, burst, perSecond) => {
        const { time, isWithinRate } = limit({ burst, perSecond })
        const start = time.ms
        let passed = 0
        for (const wait of steps) {
          time.ms += wait
          if (isWithinRate('pod')) passed += 1
        }
        return passed <= burst + ((time.ms - start) / 1000) * perSecond + 1e-6
      }),
    )
  })
})
