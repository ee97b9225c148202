import fc from 'fast-check'
import { compactVerify, jwtVerify } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { createSigner } from '../../../broker/issuer/signer.ts'
import { generateSigningKey, type SigningKey } from '../../../broker/issuer/signing-key.ts'
import type { SigningAlgorithm } from '../../../broker/providers/provider.ts'
import type { Secret } from '../../../core/secret.ts'
import { anyText } from '../../any-text.ts'

const algorithms = ['RS256', 'ES256', 'EdDSA'] as const satisfies readonly SigningAlgorithm[]
const keys = new Map<SigningAlgorithm, SigningKey>()

beforeAll(async () => {
  for (const algorithm of algorithms) keys.set(algorithm, await generateSigningKey(algorithm))
})

function keyFor(algorithm: SigningAlgorithm): SigningKey {
  const key = keys.get(algorithm)
  if (key === undefined) throw new Error(`no key for ${algorithm}`)
  return key
}

describe.each(algorithms)('createSigner with %s', (algorithm) => {
  it('signs any payload so that jose verifies it and reads the same', async () => {
    const key = keyFor(algorithm)
    const signer = createSigner({ ...key, inBackground: false })
    const payloads = fc.dictionary(anyText(), fc.jsonValue({ maxDepth: 3 }))

    await fc.assert(
      fc.asyncProperty(payloads, async (payload) => {
        const token = await signer.sign('at+jwt', payload)

        const verified = await compactVerify(token.reveal(), key.publicKey, { algorithms: [algorithm] })

        const expected: unknown = JSON.parse(JSON.stringify(payload))
        expect(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(verified.payload))).toEqual(expected)
        expect(verified.protectedHeader).toEqual({ alg: algorithm, kid: key.kid, typ: 'at+jwt' })
      }),
      { numRuns: algorithm === 'RS256' ? 30 : 100 },
    )
  })

  it('leaves typ out of the header when there is none', async () => {
    const key = keyFor(algorithm)

    const token = await createSigner({ ...key, inBackground: false }).sign(undefined, { sub: 'a' })

    const { protectedHeader } = await jwtVerify(token.reveal(), key.publicKey)
    expect(protectedHeader).toEqual({ alg: algorithm, kid: key.kid })
  })

  it('makes a signature that another key of the kind refuses', async () => {
    const other = await generateSigningKey(algorithm)

    const token = await createSigner({ ...keyFor(algorithm), inBackground: false }).sign('JWT', { sub: 'a' })

    await expect(jwtVerify(token.reveal(), other.publicKey)).rejects.toMatchObject({
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    })
  })
})

describe('createSigner in the background', () => {
  it('signs RS256 on another thread and the others at once', async () => {
    const signed = algorithms.map((algorithm) => {
      return createSigner({ ...keyFor(algorithm), inBackground: true }).sign('JWT', { sub: 'a' })
    })

    expect(signed.map((result) => result instanceof Promise)).toEqual([true, false, false])
    for (const [index, algorithm] of algorithms.entries()) {
      const token = (await signed[index]) as Secret
      await expect(jwtVerify(token.reveal(), keyFor(algorithm).publicKey)).resolves.toBeDefined()
    }
  })

  it('keeps header and signature of many different types apart', async () => {
    const key = keyFor('ES256')
    const signer = createSigner({ ...key, inBackground: false })

    for (let index = 0; index < 20; index += 1) {
      const token = await signer.sign(`type-${index}`, { index })
      const { protectedHeader, payload } = await jwtVerify(token.reveal(), key.publicKey)
      expect([protectedHeader.typ, payload['index']]).toEqual([`type-${index}`, index])
    }
  })
})
