import { compactVerify, errors } from 'jose'
import type { Clock } from '../../core/clock.ts'
import type { ExpiringCache } from '../../core/expiring-cache.ts'
import { serviceAccountUser, type Workload, type WorkloadClaims } from '../../core/identity/workload.ts'
import { createSharedDeadline } from '../../core/io/deadline.ts'
import type { KubeClient, TokenReviewResult } from '../../core/io/kube/api.ts'
import { kubeProblem } from '../../core/io/kube/refusal.ts'
import { Problem } from '../../core/problem.ts'
import type { Secret } from '../../core/secret.ts'
import type { ClusterKey, ClusterKeys } from './cluster-keys.ts'
import { type InspectedToken, inspectToken } from './inspect-token.ts'
import { readSubjectClaims, type SubjectClaims } from './token-claims.ts'

/** One cluster whose pods may ask. */
export interface TrustedCluster {
  readonly name: string
  readonly issuer: string
  readonly keys: ClusterKeys
  readonly kube: KubeClient
  readonly maxTokenLifetimeSeconds: number
  /** `none` is for clusters whose API server cannot be asked: tokens must then be short, and the record says so. */
  readonly revocationCheck: 'token-review' | 'none'
}

interface Deps {
  /** By issuer: an issuer that is not configured is refused before any I/O. */
  readonly clusters: ReadonlyMap<string, TrustedCluster>
  /** The broker's issuer URL, the one audience that is taken. */
  readonly audience: string
  readonly clock: Clock
  /** Positive TokenReviews by credential, at most 10 s old, as the API server itself caches them. */
  readonly reviews: ExpiringCache<TokenReviewResult>
}

export type VerifyWorkload = (token: Secret, signal: AbortSignal) => Promise<Workload>

const clockToleranceSeconds = 30
const reviewTimeoutMs = 3000

/**
 * Proves who asks: cheap checks, then signature and claims against the cluster's keys, then liveness by TokenReview.
 *
 * @returns the only maker of a {@link Workload}
 * @see docs/architecture.md#verify
 */
export function createVerifyWorkload({ clusters, audience, clock, reviews }: Deps): VerifyWorkload {
  const deadline = createSharedDeadline(reviewTimeoutMs)

  async function signedClaims(
    token: Secret,
    { kid, algorithm, claims }: InspectedToken,
    cluster: TrustedCluster,
  ): Promise<SubjectClaims> {
    const key = await cluster.keys.find(kid)
    if (key.algorithm !== algorithm) {
      throw new Problem('subject_token_algorithm', { detail: 'alg is not that of the key' })
    }
    await requireSignature(token, key)
    const maxLifetimeSeconds = cluster.maxTokenLifetimeSeconds
    return readSubjectClaims(claims, { audience, maxLifetimeSeconds, clockToleranceSeconds, now: clock() })
  }

  /** A shared answer, so it has its own deadline and not that of the caller who happened to ask first. */
  async function review(token: Secret, claims: SubjectClaims, cluster: TrustedCluster): Promise<void> {
    const ask = () => cluster.kube.tokenReview(token, audience, deadline())
    const result = await reviews
      .get(`${cluster.name} ${claims.jti}`, ask, (answer) => answer.isAuthenticated)
      .catch((cause) => {
        throw kubeProblem('TokenReview', cause)
      })
    requireSameIdentity(result, claims, audience)
  }

  // Everything that is waited for is shared with other callers and has a deadline of its own.
  return async function verifyWorkload(token) {
    const inspected = inspectToken(token)
    const cluster = clusters.get(inspected.issuer)
    if (cluster === undefined) throw new Problem('subject_token_issuer', { detail: 'the issuer is not configured' })
    const claims = await signedClaims(token, inspected, cluster)
    if (cluster.revocationCheck === 'token-review') await review(token, claims, cluster)
    return workload(claims, cluster)
  }
}

/** The signature is checked by the key's own algorithm; the claims are judged by {@link readSubjectClaims}. */
async function requireSignature(token: Secret, { key, algorithm }: ClusterKey): Promise<void> {
  try {
    await compactVerify(token.reveal(), key, { algorithms: [algorithm] })
  } catch (cause) {
    if (!(cause instanceof errors.JOSEError)) throw cause
    // The code names the check; the error itself may hold what was checked.
    throw new Problem('subject_token_signature', { detail: cause.code })
  }
}

function workload(claims: SubjectClaims, cluster: TrustedCluster): Workload {
  const fields: WorkloadClaims = {
    cluster: cluster.name,
    namespace: claims.namespace,
    serviceAccount: claims.serviceAccount,
    pod: claims.pod,
    node: claims.node,
    credentialId: claims.jti,
    issuedAt: new Date(claims.issuedAt * 1000),
    expiresAt: new Date(claims.expiresAt * 1000),
    revocationCheck: cluster.revocationCheck,
  }
  return fields as Workload
}

/** The API server must say the same as the claims in every field that both have. */
function requireSameIdentity(review: TokenReviewResult, claims: SubjectClaims, audience: string): void {
  // Empty audiences with isAuthenticated would mean: good for the API server, which is not us.
  if (!review.isAuthenticated || !review.audiences.includes(audience)) {
    throw new Problem('subject_token_rejected', { detail: 'TokenReview does not authenticate the token' })
  }
  const { username, uid, extra } = review.user
  const isSame =
    username === serviceAccountUser(claims.namespace, claims.serviceAccount.name) &&
    uid === claims.serviceAccount.uid &&
    matches(extra, 'pod-uid', claims.pod.uid) &&
    matches(extra, 'pod-name', claims.pod.name) &&
    matches(extra, 'credential-id', `JTI=${claims.jti}`)
  if (!isSame) throw new Problem('subject_token_rejected', { detail: 'TokenReview names another identity' })
}

function matches(extra: TokenReviewResult['user']['extra'], key: string, expected: string): boolean {
  const values = extra[`authentication.kubernetes.io/${key}`]
  return values?.length === 1 && values[0] === expected
}
