import { timingSafeEqual, verify } from 'node:crypto'
import { type Clock, epochSeconds } from '../../../core/clock.ts'
import { serviceAccountUser } from '../../../core/identity/workload.ts'
import { isObject, textAt } from './json.ts'
import type { Storage } from './storage.ts'
import type { ServiceAccountClaims, SigningKey, TokenIssuer } from './token.ts'
import { livenessProblem, timeProblem } from './token-liveness.ts'

export interface UserInfo {
  readonly username: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export type Authentication =
  | { readonly isAuthenticated: true; readonly user: UserInfo; readonly audiences: readonly string[] }
  | { readonly isAuthenticated: false; readonly error: string }

export interface Authenticator {
  /** @param audiences whom the token must be for; absent means the API server itself */
  authenticate(token: string, audiences?: readonly string[]): Authentication
}

export const anonymous: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] }

const cacheSize = 4096
const segment = /^[A-Za-z0-9_-]+$/

export interface AuthenticatorDeps {
  readonly storage: Storage
  readonly clock: Clock
  readonly issuer: TokenIssuer
  readonly adminToken: string
}

export function createAuthenticator({ storage, clock, issuer, adminToken }: AuthenticatorDeps): Authenticator {
  /** Tokens whose signature was right, with the key that made it: time and objects are still judged on every call. */
  const verified = new Map<string, { readonly key: SigningKey; readonly claims: ServiceAccountClaims }>()

  function isAdmin(token: string): boolean {
    const [given, wanted] = [Buffer.from(token), Buffer.from(adminToken)]
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  }

  function verifiedClaims(token: string): ServiceAccountClaims | string {
    const keys = issuer.keys()
    const known = verified.get(token)
    if (known !== undefined && keys.includes(known.key)) return known.claims
    const parsed = parseToken(token)
    if (parsed === undefined || parsed.claims.iss !== issuer.issuer) return 'invalid bearer token'
    const key = candidates(keys, parsed.kid).find((candidate) => isSignedBy(parsed, candidate))
    if (key === undefined) return '[invalid bearer token, go-jose/go-jose: error in cryptographic primitive]'
    if (verified.size >= cacheSize) verified.clear()
    verified.set(token, { key, claims: parsed.claims })
    return parsed.claims
  }

  function authenticate(token: string, audiences: readonly string[] = [issuer.issuer]): Authentication {
    if (isAdmin(token)) return { isAuthenticated: true, user: admin, audiences }
    const claims = verifiedClaims(token)
    if (typeof claims === 'string') return { isAuthenticated: false, error: claims }
    const own = [claims.aud].flat()
    const granted = own.filter((audience) => audiences.includes(audience))
    const problem = granted.length === 0 ? audienceProblem(own, audiences) : presentProblem(claims)
    if (problem !== undefined) return { isAuthenticated: false, error: `[invalid bearer token, ${problem}]` }
    return { isAuthenticated: true, user: userOf(claims), audiences: granted }
  }

  function presentProblem(claims: ServiceAccountClaims): string | undefined {
    const now = epochSeconds(clock())
    return timeProblem(claims, now) ?? livenessProblem(storage, now, claims['kubernetes.io'])
  }

  return Object.freeze({ authenticate })
}

const admin: UserInfo = { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }

function audienceProblem(own: readonly string[], wanted: readonly string[]): string {
  return `token audiences ${quoted(own)} is invalid for the target audiences ${quoted(wanted)}`
}

/** Go's `%q` of a string slice. */
function quoted(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`
}

interface ParsedToken {
  readonly input: string
  readonly signature: string
  readonly kid: string | undefined
  readonly claims: ServiceAccountClaims
}

function parseToken(token: string): ParsedToken | undefined {
  const [header = '', payload = '', signature = '', ...rest] = token.split('.')
  if (rest.length > 0 || ![header, payload, signature].every((part) => segment.test(part))) return undefined
  try {
    const head: unknown = JSON.parse(Buffer.from(header, 'base64url').toString())
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
    if (textAt(head, 'alg') !== 'RS256' || !isObject(claims) || !isObject(claims['kubernetes.io'])) return undefined
    if (isObject(head) && 'crit' in head) return undefined
    const input = `${header}.${payload}`
    return { input, signature, kid: textAt(head, 'kid'), claims: claims as unknown as ServiceAccountClaims }
  } catch {
    return undefined
  }
}

/** A `kid` is a hint: with an unknown one every key is tried, as kube-apiserver does. */
function candidates(keys: readonly SigningKey[], kid: string | undefined): readonly SigningKey[] {
  const named = keys.filter((key) => key.kid === kid)
  return named.length > 0 ? named : keys
}

function isSignedBy({ input, signature }: ParsedToken, key: SigningKey): boolean {
  return verify('sha256', Buffer.from(input), key.publicKey, Buffer.from(signature, 'base64url'))
}

function userOf({ jti, 'kubernetes.io': claim }: ServiceAccountClaims): UserInfo {
  const { namespace, serviceaccount, pod, node } = claim
  const facts: Readonly<Record<string, string | undefined>> = {
    'credential-id': jti === undefined ? undefined : `JTI=${jti}`,
    'node-name': node?.name,
    'node-uid': node?.uid,
    'pod-name': pod?.name,
    'pod-uid': pod?.uid,
  }
  const extra = Object.entries(facts).flatMap(([key, value]) =>
    value === undefined ? [] : [[`authentication.kubernetes.io/${key}`, [value]] as const],
  )
  return {
    username: serviceAccountUser(namespace, serviceaccount.name),
    uid: serviceaccount.uid ?? '',
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
  }
}
