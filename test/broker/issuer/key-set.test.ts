import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  firstKeySet,
  isRotationDue,
  type KeySet,
  type KeyTiming,
  publishedKeys,
  rotate,
  withoutExpired,
} from '../../../broker/issuer/key-set.ts'
import { generateSigningKey } from '../../../broker/issuer/signing-key.ts'
import { later, start } from './issuer-fixture.ts'

const fresh = () => generateSigningKey('ES256')
const timing: KeyTiming = { rotationSeconds: 1000, leadSeconds: 400, maxTokenLifeSeconds: 300 }

async function firstSet(): Promise<KeySet> {
  return firstKeySet(await fresh(), await fresh(), start)
}

describe('isRotationDue', () => {
  it.each([
    [999, false],
    [1000, true],
    [5000, true],
  ])('after %i s of 1000 says %s', async (seconds, expected) => {
    expect(isRotationDue(await firstSet(), later(seconds), timing)).toBe(expected)
  })

  it('waits until the next key has been published long enough', async () => {
    const slow = { ...timing, leadSeconds: 1500 }

    expect(isRotationDue(await firstSet(), later(1499), slow)).toBe(false)
    expect(isRotationDue(await firstSet(), later(1500), slow)).toBe(true)
  })
})

describe('rotate', () => {
  it('lets the next key sign, publishes a fresh one and keeps the old one', async () => {
    const set = await firstSet()
    const third = await fresh()

    const rotated = rotate(set, third, { now: later(1000), timing })

    expect(rotated.current).toEqual({ key: set.next.key, publishedSince: start, signsSince: later(1000) })
    expect(rotated.next).toEqual({ key: third, publishedSince: later(1000) })
    expect(publishedKeys(rotated).map((key) => key.kid)).toEqual([set.next.key.kid, third.kid, set.current.key.kid])
  })

  it('leaves the set it was given as it is', async () => {
    const set = await firstSet()
    const before = publishedKeys(set).map((key) => key.kid)

    rotate(set, await fresh(), { now: later(1000), timing })

    expect(publishedKeys(set).map((key) => key.kid)).toEqual(before)
  })

  it('keeps the old key for the longest token life and ten minutes', async () => {
    const rotated = rotate(await firstSet(), await fresh(), { now: later(1000), timing })

    expect(withoutExpired(rotated, later(1000 + 300 + 599))).toBe(rotated)
    expect(withoutExpired(rotated, later(1000 + 300 + 600)).previous).toEqual([])
  })
})

describe('a key set over time', () => {
  const pauses = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 25 })

  async function step(set: KeySet, now: Date): Promise<KeySet> {
    const kept = withoutExpired(set, now)
    return isRotationDue(kept, now, timing) ? rotate(kept, await fresh(), { now, timing }) : kept
  }

  async function play(seconds: readonly number[], check: (set: KeySet, now: Date) => void): Promise<void> {
    let now = start
    let set = await firstSet()
    check(set, now)
    for (const pause of seconds) {
      now = later(pause, now)
      set = await step(set, now)
      check(set, now)
    }
  }

  it('publishes each key until the last token signed with it has expired', async () => {
    await fc.assert(
      fc.asyncProperty(pauses, async (seconds) => {
        const tokens: { kid: string; exp: Date }[] = []
        await play(seconds, (set, now) => {
          const published = new Set(publishedKeys(set).map((key) => key.kid))
          expect(tokens.filter(({ kid, exp }) => exp > now && !published.has(kid))).toEqual([])
          tokens.push({ kid: set.current.key.kid, exp: later(timing.maxTokenLifeSeconds, now) })
        })
      }),
      { numRuns: 40 },
    )
  })

  it('signs with no key that has not been published for the lead time, the first one apart', async () => {
    await fc.assert(
      fc.asyncProperty(pauses, async (seconds) => {
        const publishedSince = new Map<string, Date>()
        await play(seconds, (set, now) => {
          for (const { kid } of publishedKeys(set)) publishedSince.set(kid, publishedSince.get(kid) ?? now)
          const since = publishedSince.get(set.current.key.kid) ?? now
          expect(since.getTime() === start.getTime() || later(timing.leadSeconds, since) <= now).toBe(true)
          expect(new Set(publishedKeys(set)).size).toBe(publishedKeys(set).length)
        })
      }),
      { numRuns: 40 },
    )
  })
})
