import type { Clock } from '../../core/clock.ts'
import type { Secret } from '../../core/secret.ts'
import type { SigningAlgorithm, Upstream } from '../providers/provider.ts'
import type { PublicDocument } from './document.ts'
import { type IssuerUrl, parseIssuerUrl } from './issuer-url.ts'
import type { KeyUse } from './key-ring.ts'
import type { KeyStore } from './key-store.ts'
import type { IssuerEndpoints } from './metadata.ts'
import { type AssertionRequest, accessTokenPayload, assertionPayload, type IssuerLimits } from './payload.ts'
import { createPublished } from './published.ts'
import { createSigner, type Signer } from './signer.ts'
import type { SigningKey } from './signing-key.ts'
import { createVerifyOwn, type OwnClaims } from './verify-own.ts'

export interface Issuer {
  readonly url: IssuerUrl
  readonly federationUrl: IssuerUrl
  /** @throws TypeError when there is no key of that algorithm, or the token would outlive its key */
  mint: Upstream['mint']
  /** Signs a client assertion under `<issuer>/federation`: one audience, fresh `jti`, at most 60 s. */
  assertion(request: AssertionRequest): Promise<Secret>
  /** @returns the claims of a token that {@link mint} made and that has not expired; undefined for any other text */
  verifyOwn(token: Secret): Promise<OwnClaims | undefined>
  jwks(): PublicDocument
  federationJwks(): PublicDocument
  discovery(): PublicDocument
  authorizationServerMetadata(): PublicDocument
  federationDiscovery(): PublicDocument
}

export interface IssuerOptions {
  /** Value of `iss`; see `issuer-url.ts` for the form. */
  readonly issuerUrl: string
  readonly endpoints: IssuerEndpoints
  /** No token outlives the publication of its key: the store says how long that is. */
  readonly keys: Pick<KeyStore, 'ring' | 'maxTokenLifeSeconds'>
  readonly clock: Clock
  /** Fresh unique text for the `jti` of assertions. */
  readonly newId: () => string
  /** How far `iat` and `nbf` are put back for verifiers whose clock is behind, 0 to 60. Default: 30. */
  readonly skewSeconds?: number
  /** True where the process has two CPUs or more: RS256 is signed off the event loop. */
  readonly signInBackground: boolean
}

/**
 * The issuer built into the broker, under two names with keys of their own: access tokens under the issuer URL, client
 * assertions for providers under `<issuer>/federation`.
 *
 * @throws TypeError when an option is out of range
 * @see RFC 9068, RFC 7523
 */
export function createIssuer(options: IssuerOptions): Issuer {
  const { keys, clock } = options
  const url = parseIssuerUrl(options.issuerUrl)
  const federationUrl = parseIssuerUrl(`${options.issuerUrl}/federation`)
  const limits = limitsOf(options)
  const published = createPublished(keys, { url, federationUrl, endpoints: options.endpoints })
  const signerOf = createSigners(options.signInBackground)

  function signer(use: KeyUse, algorithm: SigningAlgorithm): Signer {
    const set = keys.ring()[use][algorithm]
    if (set === undefined) throw new TypeError(`there is no ${algorithm} key for ${use} tokens`)
    return signerOf(set.current.key)
  }

  async function mint(...[claims, wanted]: Parameters<Upstream['mint']>): ReturnType<Upstream['mint']> {
    const payload = accessTokenPayload(claims, wanted, { ...limits, url: url.text, now: clock() })
    const typ = wanted.tokenType === 'none' ? undefined : wanted.tokenType
    return { token: await signer('access', wanted.algorithm).sign(typ, payload), issuer: url.text }
  }

  async function assertion(request: AssertionRequest): Promise<Secret> {
    const jti = options.newId()
    const payload = assertionPayload(request, { ...limits, url: federationUrl.text, now: clock(), jti })
    const { algorithm = 'RS256', tokenType = 'client-authentication+jwt' } = request
    return signer('federation', algorithm).sign(tokenType, payload)
  }

  return Object.freeze({
    url,
    federationUrl,
    mint,
    assertion,
    verifyOwn: createVerifyOwn({ issuer: url.text, clock, accessKeys: () => published().accessKeys }),
    jwks: () => published().jwks,
    federationJwks: () => published().federationJwks,
    discovery: () => published().discovery,
    authorizationServerMetadata: () => published().authorizationServerMetadata,
    federationDiscovery: () => published().federationDiscovery,
  })
}

function limitsOf({ skewSeconds = 30, keys }: IssuerOptions): IssuerLimits {
  if (!Number.isInteger(skewSeconds) || skewSeconds < 0 || skewSeconds > 60) {
    throw new TypeError('skewSeconds must be a whole number from 0 to 60')
  }
  return { skewSeconds, maxTokenLifeSeconds: keys.maxTokenLifeSeconds }
}

function createSigners(inBackground: boolean): (key: SigningKey) => Signer {
  const signers = new WeakMap<SigningKey, Signer>()
  return (key) => {
    const known = signers.get(key)
    if (known !== undefined) return known
    const { algorithm, kid, privateKey } = key
    const signer = createSigner({ algorithm, kid, privateKey, inBackground })
    signers.set(key, signer)
    return signer
  }
}
