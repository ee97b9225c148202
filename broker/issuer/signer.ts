import { type KeyObject, type SignKeyObjectInput, sign as signBytes } from 'node:crypto'
import { Secret } from '../../core/secret.ts'
import type { SigningAlgorithm } from '../providers/provider.ts'

export interface Signer {
  /**
   * Signs a JWT in JWS compact form. `typ` is left out of the header when undefined.
   * A promise only where the signature is made on another thread.
   *
   * @see RFC 7515 §3.1
   */
  sign(typ: string | undefined, payload: Readonly<Record<string, unknown>>): Secret | Promise<Secret>
}

interface SignerOptions {
  readonly algorithm: SigningAlgorithm
  readonly kid: string
  readonly privateKey: KeyObject
  /**
   * True: RS256, which takes about 0.3 ms, is signed on a libuv thread; worth it with two CPUs or more.
   * ES256 and EdDSA are signed at once in any case: the detour costs more than the signature.
   */
  readonly inBackground: boolean
}

/** `typ` values are few and ours; the bound only makes a leak impossible. */
const maxHeaders = 8

/** The one place that signs. `alg` and `kid` come from the key, never from the caller. */
export function createSigner(options: SignerOptions): Signer {
  const { algorithm, privateKey } = options
  const digest = algorithm === 'EdDSA' ? null : 'sha256'
  // JWS wants r || s (RFC 7518 §3.4); OpenSSL's default is DER.
  const key: KeyObject | SignKeyObjectInput =
    algorithm === 'ES256' ? { key: privateKey, dsaEncoding: 'ieee-p1363' } : privateKey
  const header = createHeaders(options)
  const isDeferred = options.inBackground && algorithm === 'RS256'

  function sign(typ: string | undefined, payload: Readonly<Record<string, unknown>>): Secret | Promise<Secret> {
    const input = `${header(typ)}.${base64url(JSON.stringify(payload))}`
    const bytes = Buffer.from(input, 'latin1')
    if (!isDeferred) return compact(input, signBytes(digest, bytes, key))
    return new Promise((resolve, reject) => {
      signBytes(digest, bytes, key, (error, signature) => {
        if (error === null) resolve(compact(input, signature))
        else reject(error)
      })
    })
  }

  return Object.freeze({ sign })
}

function createHeaders({ algorithm, kid }: SignerOptions): (typ: string | undefined) => string {
  const encoded = new Map<string | undefined, string>()
  return (typ) => {
    const known = encoded.get(typ)
    if (known !== undefined) return known
    const header = base64url(JSON.stringify({ alg: algorithm, kid, ...(typ === undefined ? {} : { typ }) }))
    if (encoded.size < maxHeaders) encoded.set(typ, header)
    return header
  }
}

function compact(input: string, signature: Buffer): Secret {
  return new Secret(`${input}.${signature.toString('base64url')}`)
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url')
}
