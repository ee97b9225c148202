import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { CompactSign } from 'jose'
import { describe, expect, it } from 'vitest'
import { isSignedBy } from '../../../broker/identity/check-signature.ts'
import type { ClusterAlgorithm } from '../../../broker/identity/cluster-keys.ts'

const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const
const algorithms: readonly ClusterAlgorithm[] = ['RS256', 'ES256', 'ES384', 'ES512']

function generate(algorithm: ClusterAlgorithm): KeyObject {
  return algorithm === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    : generateKeyPairSync('ec', { namedCurve: curves[algorithm] }).privateKey
}

const keys = Object.fromEntries(algorithms.map((algorithm) => [algorithm, generate(algorithm)]))

function keyOf(algorithm: ClusterAlgorithm): KeyObject {
  return keys[algorithm] ?? generate(algorithm)
}

/** Signed by another implementation than the one that checks. */
async function signed(algorithm: ClusterAlgorithm, privateKey = keyOf(algorithm)) {
  const text = await new CompactSign(Buffer.from('{"iss":"x"}')).setProtectedHeader({ alg: algorithm }).sign(privateKey)
  const end = text.lastIndexOf('.')
  return { input: Buffer.from(text.slice(0, end)), signature: Buffer.from(text.slice(end + 1), 'base64url') }
}

function isGood(algorithm: ClusterAlgorithm, input: Uint8Array, signature: Uint8Array): boolean {
  return isSignedBy({ kid: 'k', algorithm, key: createPublicKey(keyOf(algorithm)) }, input, signature)
}

describe('isSignedBy', () => {
  describe.each(algorithms)('for %s', (algorithm) => {
    it('takes a signature of the key', async () => {
      const { input, signature } = await signed(algorithm)

      expect(isGood(algorithm, input, signature)).toBe(true)
    })

    it('refuses a signature of another key', async () => {
      const { input, signature } = await signed(algorithm, generate(algorithm))

      expect(isGood(algorithm, input, signature)).toBe(false)
    })

    it('refuses every change of one bit of text or signature', async () => {
      const { input, signature } = await signed(algorithm)
      const flip = (bytes: Buffer, at: number) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))

      const taken = [
        ...[...input.keys()].map((at) => isGood(algorithm, flip(input, at), signature)),
        ...[0, 1, signature.length / 2, signature.length - 1].map((at) =>
          isGood(algorithm, input, flip(signature, Math.floor(at))),
        ),
      ]

      expect(taken).not.toContain(true)
    })

    it('refuses a signature of any other length', async () => {
      const { input, signature } = await signed(algorithm)
      const zero = Buffer.alloc(1)

      const others = [
        Buffer.alloc(0),
        zero,
        signature.subarray(1),
        signature.subarray(0, -1),
        Buffer.concat([signature, zero]),
        Buffer.concat([zero, signature]),
        Buffer.concat([signature, signature]),
        Buffer.alloc(12_000, 1),
      ]

      expect(others.map((other) => isGood(algorithm, input, other))).not.toContain(true)
    })

    it('refuses a signature of nothing but zeros', async () => {
      const { input, signature } = await signed(algorithm)

      expect(isGood(algorithm, input, Buffer.alloc(signature.length))).toBe(false)
    })
  })

  it('refuses an ECDSA signature in DER, which is not what JWS has', async () => {
    const { input } = await signed('ES256')

    expect(isGood('ES256', input, sign('sha256', input, keyOf('ES256')))).toBe(false)
  })

  it('refuses RSASSA-PSS under an RS256 key', async () => {
    const { input } = await signed('RS256')
    const key = { key: keyOf('RS256'), padding: constants.RSA_PKCS1_PSS_PADDING }

    expect(isGood('RS256', input, sign('sha256', input, key))).toBe(false)
  })

  it('refuses another digest under an RS256 key', async () => {
    const { input } = await signed('RS256')

    expect(isGood('RS256', input, sign('sha512', input, keyOf('RS256')))).toBe(false)
  })
})
