import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { calculateJwkThumbprint, type JWK } from 'jose'
import type { SigningAlgorithm } from '../providers/provider.ts'

/** Public members only, as they stand in a JWKS. @see RFC 7517 §4, RFC 8037 §2 */
export interface PublicJwk {
  readonly kty: string
  readonly alg: SigningAlgorithm
  readonly use: 'sig'
  readonly kid: string
  readonly n?: string
  readonly e?: string
  readonly crv?: string
  readonly x?: string
  readonly y?: string
}

/** A key pair for one algorithm. The private half is a KeyObject, which prints and serialises as nothing. */
export interface SigningKey {
  /** RFC 7638 thumbprint: unique for ever, 43 characters that are safe in a URL. */
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly publicJwk: PublicJwk
}

const generate = promisify(generateKeyPair)

/** Makes a fresh key: RSA of 2048 bits (what every verifier takes), P-256 or Ed25519. */
export async function generateSigningKey(algorithm: SigningAlgorithm): Promise<SigningKey> {
  const { privateKey } = await generatePair(algorithm)
  return signingKey(algorithm, privateKey)
}

function generatePair(algorithm: SigningAlgorithm): Promise<{ readonly privateKey: KeyObject }> {
  switch (algorithm) {
    case 'RS256':
      return generate('rsa', { modulusLength: 2048, publicExponent: 0x10001 })
    case 'ES256':
      return generate('ec', { namedCurve: 'P-256' })
    case 'EdDSA':
      return generate('ed25519')
  }
}

/**
 * Reads a private JWK. The public half and `kid` are derived from it, so that the two can never disagree.
 *
 * @throws TypeError when the key is not a private key for `algorithm`
 */
export async function importSigningKey(algorithm: SigningAlgorithm, privateJwk: JWK): Promise<SigningKey> {
  const privateKey = createPrivateKey({ key: privateJwk, format: 'jwk' })
  if (!suits(algorithm, privateKey)) throw new TypeError(`the key is not one for ${algorithm}`)
  return signingKey(algorithm, privateKey)
}

function suits(algorithm: SigningAlgorithm, key: KeyObject): boolean {
  const details = key.asymmetricKeyDetails
  switch (algorithm) {
    case 'RS256':
      return (
        key.asymmetricKeyType === 'rsa' &&
        (details?.modulusLength ?? 0) >= 2048 &&
        (details?.publicExponent ?? 0n) >= 0x10001n
      )
    case 'ES256':
      return key.asymmetricKeyType === 'ec' && details?.namedCurve === 'prime256v1'
    case 'EdDSA':
      return key.asymmetricKeyType === 'ed25519'
  }
}

async function signingKey(algorithm: SigningAlgorithm, privateKey: KeyObject): Promise<SigningKey> {
  const publicKey = createPublicKey(privateKey)
  const members = publicKey.export({ format: 'jwk' })
  const kid = await calculateJwkThumbprint(members as JWK, 'sha256')
  const publicJwk = { ...members, alg: algorithm, use: 'sig', kid } as PublicJwk
  return Object.freeze({ kid, algorithm, privateKey, publicKey, publicJwk: Object.freeze(publicJwk) })
}
