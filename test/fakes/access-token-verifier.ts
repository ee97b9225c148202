import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from 'jose'
import { Agent, fetch } from 'undici'
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'

/** Why a token is not taken. `unavailable`: nobody can say, as the issuer does not answer. */
export type Refusal = { readonly kind: 'invalid' | 'unavailable'; readonly description: string }

export type Verdict = { readonly kind: 'valid'; readonly claims: JWTPayload } | Refusal

/** Verifies access tokens knowing nothing but the URL of their issuer and its own audience. */
export interface AccessTokenVerifier {
  verify(token: string, signal: AbortSignal): Promise<Verdict>
  close(): Promise<void>
}

export interface VerifierOptions {
  readonly issuer: string
  readonly audience: string
  readonly clock: Clock
  /** PEM of the CA that the issuer's certificate is under. */
  readonly ca?: string | undefined
  /** Also ask the issuer whether the token is still active. */
  readonly introspection?: { readonly url: string; readonly bearer: () => Promise<string> } | undefined
}

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url() })
const introspectionSchema = z.object({ active: z.boolean() })
const algorithms = ['RS256', 'ES256']
const tokenTypes = ['at+jwt', 'application/at+jwt', 'jwt']
const discoveryAgeMs = 300_000
const timeoutMs = 3_000

export function createAccessTokenVerifier(options: VerifierOptions): AccessTokenVerifier {
  const { issuer, audience, clock, introspection } = options
  const dispatcher = new Agent({ connect: options.ca === undefined ? {} : { ca: options.ca } })
  let keys: { readonly set: ReturnType<typeof createRemoteJWKSet>; readonly until: number } | undefined

  const send: typeof fetch = (url, init) => fetch(url, { ...init, dispatcher, redirect: 'error' })

  async function keySet(signal: AbortSignal): Promise<ReturnType<typeof createRemoteJWKSet>> {
    if (keys !== undefined && clock().getTime() < keys.until) return keys.set
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    const answer = await send(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) })
    if (!answer.ok) throw new TypeError(`discovery answered ${answer.status}`)
    const document = discoverySchema.parse(await answer.json())
    if (document.issuer !== issuer) throw new TypeError('the discovery document is for another issuer')
    const set = createRemoteJWKSet(new URL(document.jwks_uri), {
      timeoutDuration: timeoutMs,
      cooldownDuration: 5_000,
      [customFetch]: (input, init) => send(input, init as Parameters<typeof fetch>[1]) as never,
    })
    keys = { set, until: clock().getTime() + discoveryAgeMs }
    return set
  }

  async function verify(token: string, signal: AbortSignal): Promise<Verdict> {
    try {
      const checks = { issuer, audience, algorithms, requiredClaims: ['exp', 'iat', 'sub', 'jti'], clockTolerance: 5 }
      const result = await jwtVerify(token, await keySet(signal), { ...checks, currentDate: clock() })
      const { typ = '' } = result.protectedHeader
      if (!tokenTypes.includes(typ.toLowerCase()))
        return { kind: 'invalid', description: 'The token is of another type' }
      if (introspection !== undefined && !(await isActive(token, introspection, signal))) {
        return { kind: 'invalid', description: 'The token was revoked' }
      }
      return { kind: 'valid', claims: result.payload }
    } catch (error) {
      return refusalOf(error)
    }
  }

  async function isActive(
    token: string,
    { url, bearer }: NonNullable<VerifierOptions['introspection']>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const answer = await send(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${await bearer()}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ token }).toString(),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    if (!answer.ok) throw new TypeError(`introspection answered ${answer.status}`)
    return introspectionSchema.parse(await answer.json()).active
  }

  return Object.freeze({ verify, close: () => dispatcher.close() })
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof errors.JWTExpired) return { kind: 'invalid', description: 'The token has expired' }
  const isTokenFault = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)
  if (isTokenFault && !isKeySetFault(error)) return { kind: 'invalid', description: 'The token was not accepted' }
  return { kind: 'unavailable', description: 'The issuer of tokens cannot be reached' }
}

/** jose reports an unreadable key set as its plain base error or as an invalid JWKS. */
function isKeySetFault(error: errors.JOSEError): boolean {
  return error.code === 'ERR_JOSE_GENERIC' || error instanceof errors.JWKSInvalid
}
