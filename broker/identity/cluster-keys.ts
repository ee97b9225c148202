import { Buffer } from 'node:buffer'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { kubeProblem } from '../../core/io/kube/refusal.ts'
import { Problem } from '../../core/problem.ts'

/** Algorithms that a cluster may sign its ServiceAccount tokens with. */
export type ClusterAlgorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512'

/** A verification key with the one algorithm it is good for. */
export interface ClusterKey {
  readonly kid: string
  readonly algorithm: ClusterAlgorithm
  readonly key: KeyObject
}

/** The keys that a cluster signs ServiceAccount tokens with. */
export interface ClusterKeys {
  /**
   * @throws Problem `subject_token_key` for a kid that the cluster does not publish
   * @throws Problem `kubernetes_unavailable` when no usable key set is at hand
   */
  find(kid: string): Promise<ClusterKey>
}

interface Deps {
  /** GET of the cluster's `/openid/v1/jwks`, size-capped by the client. */
  readonly fetchJwks: (signal: AbortSignal) => Promise<unknown>
  readonly clock: Clock
}

const maxKeys = 100
const freshForMs = 10 * 60_000
const lastGoodForMs = 60 * 60_000
const cooldownMs = 30_000
const fetchTimeoutMs = 5000

const jwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(maxKeys) })
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']
const algorithmByCurve = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' } as const

interface Snapshot {
  readonly keys: ReadonlyMap<string, ClusterKey>
  readonly fetchedAtMs: number
}

/**
 * A cluster's key set: fetched once, refreshed every 10 minutes, and at most once in 30 s for a kid that is not in it,
 * so that a flood of invented kids costs the API server nothing. Last good keys serve at most an hour of an outage.
 */
export function createClusterKeys({ fetchJwks, clock }: Deps): ClusterKeys {
  let snapshot: Snapshot | undefined
  let lastAttemptMs = Number.NEGATIVE_INFINITY
  let inFlight: Promise<void> | undefined

  async function refresh(): Promise<void> {
    const now = clock().getTime()
    lastAttemptMs = now
    const keys = readKeys(await fetchJwks(AbortSignal.timeout(fetchTimeoutMs)))
    if (keys.size > 0) snapshot = { keys, fetchedAtMs: now }
  }

  /**
   * One refresh for all who wait, with a deadline of its own and not that of the caller who happened to ask first; a
   * failure leaves the last good keys in place.
   */
  function refreshOnce(): Promise<void> {
    inFlight ??= refresh().finally(() => {
      inFlight = undefined
    })
    return inFlight
  }

  function age(): number {
    // By its distance, so that a clock that is put back makes keys old and not young for ever.
    return snapshot === undefined ? Number.POSITIVE_INFINITY : Math.abs(clock().getTime() - snapshot.fetchedAtMs)
  }

  async function find(kid: string): Promise<ClusterKey> {
    const needsRefresh = age() > freshForMs || !snapshot?.keys.has(kid)
    const mayAsk = snapshot === undefined || Math.abs(clock().getTime() - lastAttemptMs) >= cooldownMs
    if (needsRefresh && (mayAsk || inFlight !== undefined)) await refreshOnce().catch(ignoreWhileFresh(age))
    if (snapshot === undefined || age() > lastGoodForMs) {
      throw new Problem('kubernetes_unavailable', { detail: 'no key set of the cluster at hand' })
    }
    const key = snapshot.keys.get(kid)
    if (key === undefined) throw new Problem('subject_token_key', { detail: 'the cluster publishes no such kid' })
    return key
  }

  return Object.freeze({ find })
}

function ignoreWhileFresh(age: () => number): (cause: unknown) => void {
  return (cause) => {
    if (age() > lastGoodForMs) {
      throw kubeProblem('reading the key set of the cluster', cause)
    }
  }
}

function readKeys(jwks: unknown): ReadonlyMap<string, ClusterKey> {
  const { keys } = jwksSchema.parse(jwks)
  const usable = new Map<string, ClusterKey>()
  for (const jwk of keys) {
    const key = readKey(jwk)
    if (key === undefined) continue
    if (usable.has(key.kid)) throw new Error('two keys of the cluster have one kid')
    usable.set(key.kid, key)
  }
  return usable
}

/** A signature key we can use, or undefined: symmetric, weak, private and contradictory keys are not for us. */
function readKey(jwk: Readonly<Record<string, unknown>>): ClusterKey | undefined {
  const { kid, use, key_ops: operations = ['verify'] } = jwk
  const algorithm = algorithmOf(jwk)
  if (typeof kid !== 'string' || algorithm === undefined) return undefined
  if (use !== undefined && use !== 'sig') return undefined
  if (!Array.isArray(operations) || !operations.includes('verify')) return undefined
  if (privateMembers.some((member) => member in jwk)) return undefined
  if (jwk['kty'] === 'RSA' && !isStrongRsa(jwk)) return undefined
  return { kid, algorithm, key: createPublicKey({ key: jwk, format: 'jwk' }) }
}

function algorithmOf({ kty, crv, alg }: Readonly<Record<string, unknown>>): ClusterAlgorithm | undefined {
  const derived =
    kty === 'RSA' ? 'RS256' : kty === 'EC' ? algorithmByCurve[crv as keyof typeof algorithmByCurve] : undefined
  return alg === undefined || alg === derived ? derived : undefined
}

/** At least 2048 bits, and an odd public exponent of at least 65537. */
function isStrongRsa({ n, e }: Readonly<Record<string, unknown>>): boolean {
  if (typeof n !== 'string' || typeof e !== 'string' || e.length > 8) return false
  const exponent = Buffer.from(e, 'base64url').reduce((sum, byte) => sum * 256 + byte, 0)
  const modulus = Buffer.from(n, 'base64url')
  return modulus.byteLength >= 256 && (modulus[0] ?? 0) >= 0x80 && exponent >= 65_537 && exponent % 2 === 1
}
