import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createClusterKeys } from '../../../broker/identity/cluster-keys.ts'
import { rejection } from '../../core/reason-of.ts'

type Jwk = Readonly<Record<string, unknown>>

function publicJwk({ publicKey }: { readonly publicKey: KeyObject }, kid: string): Jwk {
  return { ...publicKey.export({ format: 'jwk' }), kid }
}

const rsaPair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const rsa = publicJwk(rsaPair, 'rsa')
const ec = publicJwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ec')

/** A key set that a test can change, and the questions that were asked of it. */
function keysOf(...first: readonly unknown[]) {
  const time = { ms: 1_000_000_000 }
  const published: { answer: () => unknown } = { answer: () => ({ keys: first }) }
  const asked: number[] = []
  const keys = createClusterKeys({
    fetchJwks: async () => {
      asked.push(time.ms)
      return published.answer()
    },
    clock: () => new Date(time.ms),
  })
  const find = (kid: string) => keys.find(kid)
  const publish = (...next: readonly unknown[]) => {
    published.answer = () => ({ keys: next })
  }
  const goDown = () => {
    published.answer = () => {
      throw new TypeError('connect ECONNREFUSED')
    }
  }
  return { time, asked, find, publish, goDown }
}

const second = 1000
const minute = 60 * second
const hour = 60 * minute

describe('createClusterKeys', () => {
  it.each([
    ['RS256', rsa],
    ['RS256', { ...rsa, alg: 'RS256', use: 'sig' }],
    ['ES256', ec],
    ['ES384', publicJwk(generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'ec')],
    ['ES512', publicJwk(generateKeyPairSync('ec', { namedCurve: 'P-521' }), 'ec')],
  ])('finds a key for %s with the one algorithm it is good for', async (algorithm, jwk) => {
    const key = await keysOf(jwk).find(String(jwk['kid']))

    expect(key).toMatchObject({ kid: jwk['kid'], algorithm })
    expect(key.key.type).toBe('public')
  })

  const { d, p, q, dp, dq, qi } = rsaPair.privateKey.export({ format: 'jwk' })

  it.each<[string, Jwk]>([
    ['a symmetric key', { kty: 'oct', k: 'c2VjcmV0', kid: 'rsa', alg: 'HS256' }],
    ['a private key', { ...rsa, d, p, q, dp, dq, qi }],
    ['a key with one private member', { ...rsa, d }],
    ['a key without kid', { ...rsa, kid: undefined }],
    ['a kid that is no text', { ...rsa, kid: 7 }],
    ['a key for encryption', { ...rsa, use: 'enc' }],
    ['a key that may do nothing', { ...rsa, key_ops: [] }],
    ['a key that may do something else', { ...rsa, key_ops: ['encrypt'] }],
    ['operations that are no list', { ...rsa, key_ops: 'verify' }],
    ['an algorithm of another kind', { ...rsa, alg: 'HS256' }],
    ['PS256, which no cluster signs with', { ...rsa, alg: 'PS256' }],
    ['an algorithm of another curve', { ...ec, kid: 'rsa', alg: 'ES384' }],
    ['a curve that is not for JOSE', { ...ec, kid: 'rsa', crv: 'secp256k1' }],
    ['an OKP key', { kty: 'OKP', crv: 'Ed25519', x: 'AAAA', kid: 'rsa' }],
    ['RSA of 1024 bits', publicJwk(generateKeyPairSync('rsa', { modulusLength: 1024 }), 'rsa')],
    ['RSA with exponent 3', { ...rsa, e: 'Aw' }],
    ['RSA with exponent 1', { ...rsa, e: 'AQ' }],
    ['RSA with an even exponent', { ...rsa, e: 'AQAC' }],
    ['RSA with an exponent of absurd length', { ...rsa, e: 'AQAB'.repeat(3) }],
    ['RSA with zeros in front of its modulus', { ...rsa, n: `AAAA${String(rsa['n']).slice(0, 300)}` }],
    ['RSA without modulus', { ...rsa, n: undefined }],
    ['RSA without exponent', { ...rsa, e: undefined }],
  ])('does not know %s', async (_what, jwk) => {
    const { find } = keysOf(jwk, ec)

    expect((await rejection(find('rsa'))).reason).toBe('subject_token_key')
    expect((await find('ec')).kid).toBe('ec')
  })

  it.each<[string, unknown]>([
    ['no object', 'keys'],
    ['no keys', {}],
    ['keys that are no list', { keys: rsa }],
    ['keys that are no objects', { keys: ['rsa'] }],
    ['an empty list', { keys: [] }],
    ['nothing usable', { keys: [{ kty: 'oct', k: 'AA', kid: 'rsa' }] }],
    ['more keys than the limit', { keys: Array.from({ length: 101 }, (_, i) => ({ ...ec, kid: `k${i}` })) }],
    ['two keys of one kid', { keys: [rsa, { ...ec, kid: 'rsa' }] }],
  ])('takes a set with %s for an outage', async (_what, document) => {
    const keys = createClusterKeys({ fetchJwks: async () => document, clock: () => new Date(0) })

    expect((await rejection(keys.find('rsa'))).reason).toBe('kubernetes_unavailable')
  })

  it('fetches once for all who wait, and not again while the set is fresh', async () => {
    const { time, asked, find } = keysOf(rsa, ec)

    await Promise.all(['rsa', 'ec', 'rsa', 'ec'].map(find))
    time.ms += 10 * minute
    await find('rsa')

    expect(asked).toHaveLength(1)
  })

  it('fetches again after ten minutes, and forgets a key that is gone by then', async () => {
    const { time, asked, find, publish } = keysOf(rsa, ec)
    await find('rsa')

    publish(ec)
    time.ms += 10 * minute + 1
    const refusal = await rejection(find('rsa'))

    expect(refusal.reason).toBe('subject_token_key')
    expect(asked).toHaveLength(2)
  })

  it('finds a new key as soon as a token names it', async () => {
    const { time, asked, find, publish } = keysOf(rsa)
    await find('rsa')

    publish(rsa, ec)
    time.ms += 30 * second

    expect((await find('ec')).kid).toBe('ec')
    expect(asked).toHaveLength(2)
  })

  it('asks at most once in 30 s however many unknown kids come in', async () => {
    const { time, asked, find } = keysOf(rsa)
    await find('rsa')

    const reasons = new Set<string>()
    for (let i = 0; i < 600; i += 1) {
      time.ms += 100
      reasons.add((await rejection(find(`unknown-${i}`))).reason)
    }
    await Promise.all(Array.from({ length: 50 }, (_, i) => rejection(find(`at-once-${i}`))))

    expect(reasons).toEqual(new Set(['subject_token_key']))
    expect(asked.map((ms) => (ms - (asked[0] ?? 0)) / second)).toEqual([0, 30, 60])
  })

  it('goes on with the last good keys for an hour of an outage, and no longer', async () => {
    const { time, find, goDown } = keysOf(rsa)
    await find('rsa')

    goDown()
    time.ms += hour
    const within = await find('rsa')
    time.ms += 1 * minute
    const after = await rejection(find('rsa'))

    expect(within.kid).toBe('rsa')
    expect(after.reason).toBe('kubernetes_unavailable')
  })

  it('does not stretch the hour by the 30 s in which it does not ask', async () => {
    const { time, find, goDown } = keysOf(rsa)
    await find('rsa')

    goDown()
    time.ms += hour - 10 * second
    const within = await find('rsa')
    time.ms += 11 * second

    expect(within.kid).toBe('rsa')
    expect((await rejection(find('rsa'))).reason).toBe('kubernetes_unavailable')
  })

  it('asks at most once in 30 s during an outage, too', async () => {
    const { time, asked, find, goDown } = keysOf(rsa)
    await find('rsa')

    goDown()
    time.ms += 20 * minute
    for (let i = 0; i < 60; i += 1) {
      time.ms += second
      await find('rsa')
    }

    expect(asked.length).toBeLessThanOrEqual(4)
  })

  it('says that the API server did not answer while it never did, and recovers at once', async () => {
    const { find, goDown, publish } = keysOf()
    goDown()

    const refusal = await rejection(find('rsa'))
    publish(rsa)

    expect(refusal.reason).toBe('kubernetes_unavailable')
    expect((await find('rsa')).kid).toBe('rsa')
  })

  it('knows no kid by inheritance', async () => {
    expect((await rejection(keysOf(rsa).find('__proto__'))).reason).toBe('subject_token_key')
  })

  it('asks again when the clock was put back, for known keys and for new ones', async () => {
    const { time, asked, find, publish } = keysOf(rsa)
    await find('rsa')

    time.ms -= hour
    publish(rsa, ec)
    await find('ec')
    expect(asked).toHaveLength(2)
    time.ms -= hour
    await find('rsa')
    expect(asked).toHaveLength(3)
  })
})
