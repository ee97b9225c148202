import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { renewAt, waitAfterFailure, waitAfterGrant } from '../../../custom-task/sidecar/schedule.ts'

const now = new Date('2026-01-01T00:00:00Z')
const at = (ms: number): Date => new Date(now.getTime() + ms)
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('renewAt', () => {
  it('is half of the life, ten percent more or less, and before the end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2000, max: 86_400_000 }), random, (lifeMs, chance) => {
        const waitMs = renewAt(now, at(lifeMs), () => chance).getTime() - now.getTime()
        expect(waitMs).toBeGreaterThanOrEqual(Math.floor(lifeMs * 0.45))
        expect(waitMs).toBeLessThanOrEqual(lifeMs * 0.55)
      }),
    )
  })

  it('spreads', () => {
    expect(renewAt(now, at(300_000), () => 0)).toEqual(at(135_000))
    expect(renewAt(now, at(300_000), () => 0.5)).toEqual(at(150_000))
    expect(renewAt(now, at(300_000), () => 0.999_999)).toEqual(at(164_999))
  })
})

describe('waitAfterGrant', () => {
  it.each([
    [150_000, 150_000],
    [10, 1000],
    [-5, 1000],
  ])('waits until the renewal in %i ms: %i, at least a second', (inMs, expected) => {
    expect(waitAfterGrant({ renewAt: at(inMs) }, now)).toBe(expected)
  })
})

describe('waitAfterFailure', () => {
  const base = { description: '', exchangeId: undefined }
  const unavailable = {
    ...base,
    kind: 'unavailable',
    retryAfterSeconds: undefined,
    status: undefined,
    cause: undefined,
  } as const
  const refused = { ...base, kind: 'refused', error: 'access_denied', status: 400 } as const
  const pending = { ...base, kind: 'pending', intervalSeconds: 5, expiresInSeconds: 60, approval: 'a' } as const

  it('grows to 30 s while the broker is down', () => {
    fc.assert(
      fc.property(fc.nat(1000), random, (failures, chance) => {
        const bound = Math.min(30_000, 1000 * 2 ** Math.min(failures, 10))
        const waitMs = waitAfterFailure(unavailable, failures, () => chance)
        expect(waitMs).toBeGreaterThanOrEqual(bound / 2)
        expect(waitMs).toBeLessThanOrEqual(bound)
      }),
    )
  })

  it('waits as long as the broker says, if that is longer', () => {
    expect(waitAfterFailure({ ...unavailable, retryAfterSeconds: 60 }, 0, () => 0)).toBe(60_000)
  })

  it.each([
    [0, 30_000],
    [1, 60_000],
    [9, 300_000],
  ])('asks slowly after refusal %i', (failures, boundMs) => {
    expect(waitAfterFailure(refused, failures, () => 0)).toBe(boundMs / 2)
    expect(waitAfterFailure(refused, failures, () => 1)).toBe(boundMs)
  })

  it('polls for an approval at its interval, however often', () => {
    expect(waitAfterFailure(pending, 50, () => 0)).toBe(5000)
  })
})
