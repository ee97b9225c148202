import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { generateSigningKey, importSigningKey } from '../../../broker/issuer/signing-key.ts'
import type { SigningAlgorithm } from '../../../broker/providers/provider.ts'

function jwk(key: KeyObject): JWK {
  return key.export({ format: 'jwk' }) as JWK
}

describe('generateSigningKey', () => {
  it.each([
    ['RS256', { kty: 'RSA', e: 'AQAB', n: expect.stringMatching(/^[A-Za-z0-9_-]{342}$/) }],
    ['ES256', { kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String) }],
    ['EdDSA', { kty: 'OKP', crv: 'Ed25519', x: expect.any(String) }],
  ] as const)('publishes nothing but the public members of %s', async (algorithm, members) => {
    const { publicJwk, kid } = await generateSigningKey(algorithm)

    expect(publicJwk).toEqual({ ...members, alg: algorithm, use: 'sig', kid })
  })
})

describe('importSigningKey', () => {
  it('gives the same kid as when the key was made', async () => {
    const key = await generateSigningKey('EdDSA')

    expect((await importSigningKey('EdDSA', jwk(key.privateKey))).kid).toBe(key.kid)
  })

  it.each<[string, SigningAlgorithm, () => KeyObject]>([
    ['a short RSA key', 'RS256', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey],
    [
      'an RSA key with a small exponent',
      'RS256',
      () => generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey,
    ],
    ['an EC key for RS256', 'RS256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
    ['a key on another curve', 'ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
    ['an Ed25519 key for ES256', 'ES256', () => generateKeyPairSync('ed25519').privateKey],
    ['an Ed448 key', 'EdDSA', () => generateKeyPairSync('ed448').privateKey],
    ['a public key', 'ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey],
  ])('refuses %s', async (_name, algorithm, make) => {
    await expect(importSigningKey(algorithm, jwk(make()))).rejects.toThrow()
  })
})
