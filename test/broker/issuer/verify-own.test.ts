import { sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { SigningKey } from '../../../broker/issuer/signing-key.ts'
import { createVerifyOwn } from '../../../broker/issuer/verify-own.ts'
import { Secret } from '../../../core/secret.ts'
import { deployClaims, freshRing, later, start } from './issuer-fixture.ts'

const issuer = 'https://broker.example.com'
const ring = freshRing({ access: ['ES256', 'EdDSA'], federation: [] })
const base = start.getTime() / 1000
const claims = { iss: issuer, ...deployClaims, iat: base - 30, nbf: base - 30, exp: base + 300 }

async function keys(): Promise<{ readonly es256: SigningKey; readonly eddsa: SigningKey }> {
  const { access } = await ring
  if (access.ES256 === undefined || access.EdDSA === undefined) throw new Error('keys are missing')
  return { es256: access.ES256.current.key, eddsa: access.EdDSA.current.key }
}

/** Signed with a key of ours, whatever it says: what nobody but a broker with a fault could make. */
async function token(header: object, payload: object | string): Promise<Secret> {
  const { es256 } = await keys()
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
  const encode = (part: string) => Buffer.from(part).toString('base64url')
  const input = `${encode(JSON.stringify({ alg: 'ES256', kid: es256.kid, ...header }))}.${encode(text)}`
  const signature = sign('sha256', Buffer.from(input), { key: es256.privateKey, dsaEncoding: 'ieee-p1363' })
  return new Secret(`${input}.${signature.toString('base64url')}`)
}

async function verify(text: Secret, now = start) {
  const { es256, eddsa } = await keys()
  const accessKeys = new Map([es256, eddsa].map((key) => [key.kid, key]))
  return createVerifyOwn({ issuer, clock: () => now, accessKeys: () => accessKeys })(text)
}

describe('createVerifyOwn', () => {
  it.each([{}, { typ: 'at+jwt' }, { typ: 'JWT' }])('takes the header %j', async (header) => {
    expect(await verify(await token(header, claims))).toEqual(claims)
  })

  it.each([
    { typ: 'client-authentication+jwt' },
    { typ: '' },
    { jku: 'https://evil.example.com' },
    { jwk: {} },
    { x5c: [] },
    { crit: ['b64'], b64: true },
    { cty: 'JWT' },
    { kid: 'unknown' },
    { kid: '' },
    { kid: undefined },
    { kid: 1 },
    { alg: 'none' },
    { alg: 'HS256' },
    { alg: 'EdDSA' },
  ])('refuses the header %j', async (header) => {
    expect(await verify(await token(header, claims))).toBeUndefined()
  })

  it('refuses a key that is ours but of another algorithm', async () => {
    const { eddsa } = await keys()

    expect(await verify(await token({ kid: eddsa.kid }, claims))).toBeUndefined()
  })

  it.each([
    { iss: 'https://other.example.com' },
    { iss: `${issuer}/` },
    { iss: `${issuer}/federation` },
    { aud: [deployClaims.aud] },
    { aud: '' },
    { sub: '' },
    { sub: {} },
    { jti: 7 },
    { jti: undefined },
    { client_id: undefined },
    { scope: ['deploy:staging'] },
    { exp: undefined },
    { exp: base + 300.5 },
    { exp: String(base + 300) },
    { iat: undefined },
    { nbf: base + 1 },
  ])('refuses the claims %j', async (change) => {
    expect(await verify(await token({}, { ...claims, ...change }))).toBeUndefined()
  })

  it('refuses an end that is no number to count with', async () => {
    const endless = JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e400')

    expect(await verify(await token({}, endless))).toBeUndefined()
  })

  it.each(['null', '[]', '"text"', '{', ''])('refuses the payload %j', async (payload) => {
    expect(await verify(await token({}, payload))).toBeUndefined()
  })

  it('goes by the clock that it was given', async () => {
    const text = await token({}, claims)

    expect(await verify(text, later(299))).toBeDefined()
    expect(await verify(text, later(300))).toBeUndefined()
    expect(await verify(text, later(-31))).toBeUndefined()
  })

  it('does not hide a fault of its own', async () => {
    const fault = () => {
      throw new RangeError('a fault')
    }
    const verifyOwn = createVerifyOwn({ issuer, clock: fault, accessKeys: () => new Map() })

    await expect(verifyOwn(await token({}, claims))).rejects.toThrow(RangeError)
  })
})
