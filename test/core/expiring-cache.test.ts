import { describe, expect, it } from 'vitest'
import { createExpiringCache } from '../../core/expiring-cache.ts'

function cacheOf(options: { ttlMs?: number; maxEntries?: number } = {}) {
  const time = { ms: 0 }
  const cache = createExpiringCache<string>({ ttlMs: 1000, maxEntries: 3, ...options, clock: () => new Date(time.ms) })
  const loads: string[] = []
  const load = (value: string) => async () => {
    loads.push(value)
    return value
  }
  return { time, cache, loads, load }
}

describe('createExpiringCache', () => {
  it('loads once and answers from memory until the value is too old', async () => {
    const { time, cache, loads, load } = cacheOf()

    const first = await cache.get('k', load('a'))
    time.ms = 999
    const second = await cache.get('k', load('b'))
    time.ms = 1000
    const third = await cache.get('k', load('c'))

    expect([first, second, third, loads]).toEqual(['a', 'a', 'c', ['a', 'c']])
  })

  it('keeps nothing alive when the clock is put back', async () => {
    const { time, cache, load } = cacheOf()
    time.ms = 3_600_000
    await cache.get('k', load('a'))

    time.ms = 0
    expect(await cache.get('k', load('b'))).toBe('b')
  })

  it('counts the age from the question, not from the answer', async () => {
    const { time, cache, load } = cacheOf()
    const slow = Promise.withResolvers<string>()

    const first = cache.get('k', () => slow.promise)
    time.ms = 900
    slow.resolve('a')
    await first
    time.ms = 1000

    expect(await cache.get('k', load('b'))).toBe('b')
  })

  it('lets concurrent callers share one load', async () => {
    const { cache, loads, load } = cacheOf()

    const values = await Promise.all([cache.get('k', load('a')), cache.get('k', load('b')), cache.get('k', load('c'))])

    expect(values).toEqual(['a', 'a', 'a'])
    expect(loads).toEqual(['a'])
  })

  it('tells every waiting caller of a failure, and keeps none of it', async () => {
    const { cache, load } = cacheOf()
    const failing = () => Promise.reject(new TypeError('down'))

    const results = await Promise.allSettled([cache.get('k', failing), cache.get('k', load('never'))])

    expect(results.map((r) => r.status)).toEqual(['rejected', 'rejected'])
    expect(await cache.get('k', load('b'))).toBe('b')
  })

  it('does not keep a value that may not be kept', async () => {
    const { cache, load } = cacheOf()
    const isYes = (value: string) => value === 'yes'

    const answers = [
      await cache.get('k', load('no'), isYes),
      await cache.get('k', load('yes'), isYes),
      await cache.get('k', load('no'), isYes),
    ]

    expect(answers).toEqual(['no', 'yes', 'yes'])
  })

  it('forgets the oldest entry when it is full', async () => {
    const { cache, loads, load } = cacheOf({ maxEntries: 2 })
    for (const key of ['a', 'b', 'c']) await cache.get(key, load(key))

    await cache.get('b', load('b again'))
    await cache.get('c', load('c again'))
    await cache.get('a', load('a again'))

    expect(loads).toEqual(['a', 'b', 'c', 'a again'])
  })

  it('forgets a key when told', async () => {
    const { cache, load } = cacheOf()
    await cache.get('k', load('a'))

    cache.delete('k')

    expect(await cache.get('k', load('b'))).toBe('b')
  })

  it('is not changed by a failure of a load that was forgotten meanwhile', async () => {
    const { cache, loads, load } = cacheOf()
    const slow = Promise.withResolvers<string>()
    const forgotten = cache.get('k', () => slow.promise)
    cache.delete('k')
    await cache.get('k', load('a'))

    slow.reject(new TypeError('down'))
    await expect(forgotten).rejects.toThrow(TypeError)

    expect(await cache.get('k', load('b'))).toBe('a')
    expect(loads).toEqual(['a'])
  })
})
