import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Secret } from '../../../core/secret.ts'
import type { Granted, NotGranted } from '../../../custom-task/broker-client-answer.ts'
import { keepFresh } from '../../../custom-task/sidecar/renewal.ts'
import { createTokenCache, type TokenCache } from '../../../custom-task/sidecar/token-cache.ts'
import { targetKey } from '../../../custom-task/sidecar/token-target.ts'
import { createManualTime, type ManualTime } from './manual-time.ts'

const target = { policy: 'deploy', audience: undefined, scope: undefined }
const base = { description: 'Why', exchangeId: undefined }
const refusal: NotGranted = { ...base, kind: 'refused', error: 'access_denied', status: 400 }
const down: NotGranted = {
  ...base,
  kind: 'unavailable',
  retryAfterSeconds: undefined,
  status: undefined,
  cause: undefined,
}
const pending: NotGranted = { ...base, kind: 'pending', intervalSeconds: 5, expiresInSeconds: 60, approval: 'a' }

let time: ManualTime
let stop: AbortController
let asked: number
let failures: NotGranted[]
let answer: () => Granted | NotGranted
let cache: TokenCache
let running: Promise<void>

function grant(): Granted {
  return {
    kind: 'granted',
    accessToken: new Secret(`token-${asked}`),
    issued: 'bearer',
    expiresAt: new Date(time.clock().getTime() + 300_000),
    scope: [],
    exchangeId: undefined,
  }
}

beforeEach(() => {
  time = createManualTime()
  stop = new AbortController()
  asked = 0
  failures = []
  answer = grant
})

afterEach(async () => {
  stop.abort(new Error('stop'))
  await expect(running).rejects.toThrow('stop')
})

async function start(): Promise<void> {
  const { clock, delay } = time
  const random = () => 0.5
  cache = createTokenCache({
    exchange: async () => {
      asked += 1
      return answer()
    },
    onGranted: () => undefined,
    clock,
    random,
    lifetime: stop.signal,
  })
  running = keepFresh(
    target,
    { cache, onFailure: (result) => failures.push(result), clock, delay, random },
    stop.signal,
  )
  running.catch(() => undefined)
  await waiting()
}

/** The loop sleeps. */
async function waiting(): Promise<void> {
  await expect.poll(() => time.waits.length).toBe(1)
}

describe('keepFresh', () => {
  it('renews at half life, again and again', async () => {
    await start()
    for (let renewal = 1; renewal <= 3; renewal += 1) {
      expect(asked).toBe(renewal)
      expect(time.waits).toEqual([150_000])
      time.advance(150_000)
      await waiting()
    }
    expect(failures).toEqual([])
  })

  it('leaves alone what a caller has renewed meanwhile', async () => {
    await start()
    time.advance(100_000)
    await cache.renew(target)
    time.advance(50_000)
    await waiting()

    expect(asked).toBe(2)
    expect(time.waits).toEqual([100_000])
  })

  describe('of an agent', () => {
    beforeEach(() => {
      answer = () => ({ ...grant(), renewal: 'on_request' })
    })

    it('asks once, and says that the token has ended when it has', async () => {
      await start()
      expect(time.waits).toEqual([300_000])
      time.advance(299_999)
      cache.peek(target, targetKey(target), 0)
      time.advance(1)
      await waiting()

      expect(asked).toBe(1)
      expect(failures).toMatchObject([{ kind: 'refused', error: 'expired_token' }])
      for (let look = 0; look < 3; look += 1) {
        time.advance(5000)
        await waiting()
      }
      expect(asked).toBe(1)
      expect(failures).toHaveLength(1)
    })

    it('minds the end of a token that a step has asked for', async () => {
      await start()
      time.advance(200_000)
      expect((await cache.get(target, 0)).kind).toBe('granted')
      expect(asked).toBe(1)
      await cache.get(target, 200_000)
      expect(asked).toBe(2)
      time.advance(100_000)
      await waiting()

      expect(failures).toEqual([])
      expect(time.waits).toEqual([200_000])
      time.advance(200_000)
      await waiting()
      expect(failures).toHaveLength(1)
      expect(asked).toBe(2)
    })
  })

  it('tries on with growing waits while the broker is down, and is back at once', async () => {
    answer = () => down
    await start()
    const waits: number[] = []
    for (let i = 0; i < 7; i += 1) {
      waits.push(time.waits[0] ?? 0)
      time.advance(time.waits[0] ?? 0)
      await waiting()
    }
    expect(waits).toEqual([750, 1500, 3000, 6000, 12_000, 22_500, 22_500])

    answer = grant
    time.advance(22_500)
    await waiting()
    expect(time.waits).toEqual([150_000])
    expect(failures).toHaveLength(8)
  })

  it('asks again after a refusal, as people mend policies', async () => {
    answer = () => refusal
    await start()
    expect(failures).toEqual([refusal])

    answer = grant
    time.advance(22_500)
    await waiting()
    expect(time.waits).toEqual([150_000])
  })

  it('polls while a person decides', async () => {
    answer = () => pending
    await start()
    for (let poll = 1; poll <= 4; poll += 1) {
      expect(asked).toBe(poll)
      expect(time.waits).toEqual([5000])
      time.advance(5000)
      await waiting()
    }
  })

  it('is awake when the old token ends, so that its files go', async () => {
    await start()
    answer = () => refusal
    time.advance(150_000)
    await waiting()
    while ((time.waits[0] ?? 0) < 150_000 && time.clock() < new Date('2026-01-01T00:05:00Z')) {
      time.advance(time.waits[0] ?? 0)
      await waiting()
    }

    expect(time.clock()).toEqual(new Date('2026-01-01T00:05:00Z'))
  })
})
