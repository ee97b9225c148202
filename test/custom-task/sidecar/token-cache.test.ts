import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { Secret } from '../../../core/secret.ts'
import type { Granted, NotGranted } from '../../../custom-task/broker-client-answer.ts'
import { type CachedToken, createTokenCache, type TokenCache } from '../../../custom-task/sidecar/token-cache.ts'
import { type TokenTarget, targetKey } from '../../../custom-task/sidecar/token-target.ts'
import { createManualTime, type ManualTime } from './manual-time.ts'

const target: TokenTarget = { policy: 'deploy', audience: undefined, scope: undefined }
const down: NotGranted = {
  kind: 'unavailable',
  retryAfterSeconds: undefined,
  description: 'Down',
  status: undefined,
  exchangeId: undefined,
  cause: undefined,
}
const refusal: NotGranted = { kind: 'refused', error: 'access_denied', description: 'No', status: 400, exchangeId: 'e' }
const waitForPerson: NotGranted = {
  kind: 'pending',
  intervalSeconds: 7,
  expiresInSeconds: 60,
  approval: 'a',
  description: 'Wait',
  exchangeId: 'e',
}

let time: ManualTime
let asked: TokenTarget[]
let told: CachedToken[]
let answer: () => Promise<Granted | NotGranted>
let cache: TokenCache
let lifeSeconds: number

beforeEach(() => {
  time = createManualTime()
  asked = []
  told = []
  lifeSeconds = 300
  answer = async () => ({
    kind: 'granted',
    accessToken: new Secret(`token-${asked.length}`),
    issued: 'bearer',
    expiresAt: new Date(time.clock().getTime() + lifeSeconds * 1000),
    scope: ['a'],
    exchangeId: 'e',
  })
  cache = createTokenCache({
    exchange: (what) => {
      asked.push(what)
      return answer()
    },
    onGranted: (_, token) => told.push(token),
    clock: time.clock,
    random: () => 0.5,
    lifetime: new AbortController().signal,
  })
})

async function text(minTtlMs = 0, what = target): Promise<string> {
  const result = await cache.get(what, minTtlMs)
  return result.kind === 'granted' ? result.token.accessToken.reveal() : result.kind
}

describe('createTokenCache', () => {
  it('asks upstream once for 200 equal callers at once', async () => {
    const arrived = Promise.withResolvers<void>()
    const plain = answer
    answer = async () => {
      await arrived.promise
      return await plain()
    }
    const callers = Array.from({ length: 200 }, () => text())
    arrived.resolve()

    expect(new Set(await Promise.all(callers))).toEqual(new Set(['token-1']))
    expect(asked).toHaveLength(1)
    expect(told).toHaveLength(1)
  })

  it('shares a failure among those who wait, and asks again for those who come later', async () => {
    answer = async () => down

    expect(await Promise.all([text(), text()])).toEqual(['unavailable', 'unavailable'])
    expect(asked).toHaveLength(1)
  })

  it('serves from memory until 30 s before the end', async () => {
    await text()
    time.advance(269_999)
    answer = async () => down
    expect(await text()).toBe('token-1')

    time.advance(1)
    expect(await text()).toBe('unavailable')
  })

  it('renews in the background at half life, and serves the old token meanwhile', async () => {
    await text()
    time.advance(149_999)
    await text()
    expect(asked).toHaveLength(1)

    time.advance(1)
    expect(await text()).toBe('token-1')
    expect(asked).toHaveLength(2)
    await expect.poll(() => text()).toBe('token-2')
    expect(told).toHaveLength(2)
  })

  it('serves on while the broker is down, and does not ask with every call', async () => {
    await text()
    time.advance(200_000)
    answer = async () => down
    for (let i = 0; i < 5; i += 1) expect(await text()).toBe('token-1')
    await expect.poll(() => asked.length).toBe(2)
    time.advance(1000)

    expect(await text()).toBe('token-1')
    expect(asked).toHaveLength(3)
  })

  it('gets a new token when the caller needs more life than the old one has', async () => {
    await text()
    time.advance(100_000)

    expect(await text(150_000)).toBe('token-1')
    expect(await text(200_000)).toBe('token-2')
  })

  it('gives what it has, without asking, where a new token would live too short as well', async () => {
    await text()
    time.advance(1000)

    expect(await text(300_000)).toBe('token-1')
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['a refusal for 5 s', refusal, 5000],
    ['an outage for 1 s', down, 1000],
    ['an outage for as long as the broker says', { ...down, retryAfterSeconds: 9 }, 9000],
    ['a pending approval for its interval', waitForPerson, 7000],
  ])('holds %s', async (_, failure, heldMs) => {
    answer = async () => failure
    await text()
    time.advance(heldMs - 1)
    await text()
    expect(asked).toHaveLength(1)

    time.advance(1)
    await text()
    expect(asked).toHaveLength(2)
  })

  it('renews on demand even while a failure is held', async () => {
    answer = async () => waitForPerson
    await text()
    await cache.renew(target)

    expect(asked).toHaveLength(2)
  })

  it('takes 1,000 tokens and forgets the one that was not used for the longest time', async () => {
    const named = (n: number): TokenTarget => ({ ...target, audience: `https://${n}` })
    for (let n = 0; n < 1000; n += 1) await cache.get(named(n), 0)
    await cache.get(named(0), 0)
    await cache.get(named(1000), 0)

    expect(cache.peek(named(0), targetKey(named(0)), 0)).toBeDefined()
    expect(cache.peek(named(1), targetKey(named(1)), 0)).toBeUndefined()
    expect(asked).toHaveLength(1001)
  })

  it('turns away the 33rd different question at once', async () => {
    const arrived = Promise.withResolvers<Granted | NotGranted>()
    answer = () => arrived.promise
    const first = Array.from({ length: 32 }, (_, n) => text(0, { ...target, audience: `https://${n}` }))

    expect(await cache.get({ ...target, audience: 'https://x' }, 0)).toMatchObject({ kind: 'unavailable', status: 429 })
    arrived.resolve(down)
    await Promise.all(first)
    expect(asked).toHaveLength(32)
  })

  it('ends what is under way when the process stops', async () => {
    const lifetime = new AbortController()
    const stopping = createTokenCache({
      exchange: (_, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      onGranted: () => undefined,
      clock: time.clock,
      random: () => 0.5,
      lifetime: lifetime.signal,
    })
    const waiting = stopping.get(target, 0)
    lifetime.abort(new Error('stop'))

    await expect(waiting).rejects.toThrow('stop')
  })
})

describe('targetKey', () => {
  const targets = fc.record({
    policy: fc.string(),
    audience: fc.option(fc.string(), { nil: undefined }),
    scope: fc.option(fc.array(fc.string({ maxLength: 3 }), { maxLength: 4 }), { nil: undefined }),
  })

  it('is equal for scopes in another order or said twice', () => {
    fc.assert(
      fc.property(targets, (one) => {
        const other = one.scope === undefined ? undefined : [...one.scope, ...one.scope].reverse()
        expect(targetKey({ ...one, scope: other })).toBe(targetKey(one))
      }),
    )
  })

  it('differs where anything else differs', () => {
    fc.assert(
      fc.property(targets, targets, (one, other) => {
        const plain = (what: typeof one) => [what.policy, what.audience, what.scope && [...new Set(what.scope)].sort()]
        const isSame = JSON.stringify(plain(one)) === JSON.stringify(plain(other))
        expect(targetKey(one) === targetKey(other)).toBe(isSame)
      }),
    )
  })

  it('tells no audience from an empty one', () => {
    expect(targetKey({ ...target, audience: '' })).not.toBe(targetKey(target))
    expect(targetKey({ ...target, scope: [] })).not.toBe(targetKey(target))
  })
})
