import { createHash, generateKeyPair, type KeyObject, randomUUID, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { type Clock, epochSeconds } from '../../../core/clock.ts'

export interface NamedUid {
  readonly name: string
  readonly uid?: string
}

/** The private claim of a ServiceAccount token. */
export interface KubernetesClaim {
  readonly namespace: string
  readonly serviceaccount: NamedUid
  readonly pod?: NamedUid
  readonly node?: NamedUid
  readonly secret?: NamedUid
  readonly warnafter?: number
}

export interface ServiceAccountClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: readonly string[]
  readonly exp: number
  readonly iat: number
  readonly nbf: number
  readonly jti: string
  readonly 'kubernetes.io': KubernetesClaim
}

export interface SigningKey {
  readonly kid: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  readonly jwk: Readonly<Record<string, string>>
}

export interface TokenRequest {
  readonly namespace: string
  readonly serviceAccount: NamedUid
  readonly pod?: NamedUid | undefined
  readonly node?: NamedUid | undefined
  /** Empty means the API server's own audience. */
  readonly audiences: readonly string[]
  readonly expirationSeconds: number
}

/** Signs ServiceAccount tokens the way kube-apiserver does. */
export interface TokenIssuer {
  readonly issuer: string
  /** The signing key first, then keys that still verify. */
  keys(): readonly SigningKey[]
  claims(request: TokenRequest): ServiceAccountClaims
  sign(claims: object, key?: SigningKey, header?: object): string
  jwks(): { readonly keys: readonly object[] }
  /** Signs with a new key from now on; the old ones stay published unless told otherwise. */
  rotate(options?: { readonly dropsOld?: boolean }): Promise<SigningKey>
}

const generate = promisify(generateKeyPair)

/** A 2048-bit RSA key named by its RFC 7638 thumbprint. */
export async function createSigningKey(): Promise<SigningKey> {
  const { publicKey, privateKey } = await generate('rsa', { modulusLength: 2048 })
  const { kty = '', n = '', e = '' } = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url')
  return { kid, publicKey, privateKey, jwk: { use: 'sig', kty, kid, alg: 'RS256', n, e } }
}

export function encodeSegment(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** kube-apiserver stretches exactly this request, when it is for its own audience, to a year. */
const legacySeconds = 3607
const yearSeconds = 365 * 24 * 3600

export function createTokenIssuer(issuer: string, firstKey: SigningKey, clock: Clock): TokenIssuer {
  let keys: readonly [SigningKey, ...SigningKey[]] = [firstKey]

  function claims(request: TokenRequest): ServiceAccountClaims {
    const now = epochSeconds(clock())
    const { namespace, serviceAccount, pod, node, expirationSeconds } = request
    const audiences = request.audiences.length === 0 ? [issuer] : request.audiences
    const isExtended = expirationSeconds === legacySeconds && audiences.every((audience) => audience === issuer)
    return {
      aud: audiences,
      exp: now + (isExtended ? yearSeconds : expirationSeconds),
      iat: now,
      iss: issuer,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        ...(node === undefined ? {} : { node }),
        ...(pod === undefined ? {} : { pod }),
        serviceaccount: serviceAccount,
        ...(isExtended ? { warnafter: now + legacySeconds } : {}),
      },
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
    }
  }

  function signClaims(payload: object, key: SigningKey = keys[0], header: object = {}): string {
    const input = `${encodeSegment({ alg: 'RS256', kid: key.kid, ...header })}.${encodeSegment(payload)}`
    return `${input}.${sign('sha256', Buffer.from(input), key.privateKey).toString('base64url')}`
  }

  return Object.freeze({
    issuer,
    keys: () => keys,
    claims,
    sign: signClaims,
    jwks: () => ({ keys: keys.map(({ jwk }) => jwk) }),
    async rotate({ dropsOld = false } = {}) {
      const next = await createSigningKey()
      keys = dropsOld ? [next] : [next, ...keys]
      return next
    },
  } satisfies TokenIssuer)
}
