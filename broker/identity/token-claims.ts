import { z } from 'zod'
import { epochSeconds } from '../../core/clock.ts'
import { Problem, type ProblemReason } from '../../core/problem.ts'

const id = z.object({ name: z.string().min(1).max(253), uid: z.string().min(1).max(64) })
const instant = z.int().min(0).max(4_102_444_800)

/** Claims of a bound ServiceAccount token as Kubernetes 1.32 and later signs it. @see KEP-1205, KEP-4193 */
const schema = z.object({
  iss: z.string(),
  sub: z.string().min(1).max(512),
  aud: z.union([z.string(), z.array(z.string()).min(1).max(16)]),
  exp: instant,
  iat: instant,
  nbf: instant,
  jti: z.string().min(1).max(128),
  'kubernetes.io': z.object({
    namespace: z.string().min(1).max(253),
    serviceaccount: id,
    pod: id.optional(),
    node: z.object({ name: z.string().min(1).max(253), uid: z.string().max(64).optional() }).optional(),
    secret: id.optional(),
    warnafter: instant.optional(),
  }),
})

/** A pod-bound token's claims, judged. */
export interface SubjectClaims {
  readonly namespace: string
  readonly serviceAccount: { readonly name: string; readonly uid: string }
  readonly pod: { readonly name: string; readonly uid: string }
  readonly node: { readonly name: string; readonly uid?: string } | undefined
  readonly jti: string
  readonly issuedAt: number
  readonly expiresAt: number
}

export interface ClaimLimits {
  /** The broker's issuer URL: the one audience a subject token may have. */
  readonly audience: string
  /** Longest `exp - iat` that is taken. */
  readonly maxLifetimeSeconds: number
  readonly clockToleranceSeconds: number
  readonly now: Date
}

/**
 * What jose leaves to its caller: one audience and it is ours, bound to a pod, a capped and finite life, a subject that
 * says the same as the Kubernetes claims.
 *
 * @throws Problem one of the `subject_token_*` reasons
 */
export function readSubjectClaims(payload: unknown, limits: ClaimLimits): SubjectClaims {
  const parsed = schema.safeParse(payload)
  if (!parsed.success) {
    const where = parsed.error.issues.map((issue) => issue.path.join('.')).join(' ')
    throw refuse('subject_token_claims', `missing or malformed: ${where}`)
  }
  const claims = parsed.data
  const bound = claims['kubernetes.io']
  requireAudience(claims.aud, limits.audience)
  requireLifetime(claims, bound.warnafter, limits)
  if (bound.pod === undefined || bound.secret !== undefined) throw refuse('subject_token_unbound', 'not bound to a pod')
  if (claims.sub !== `system:serviceaccount:${bound.namespace}:${bound.serviceaccount.name}`) {
    throw refuse('subject_token_claims', 'sub contradicts the Kubernetes claims')
  }
  return {
    namespace: bound.namespace,
    serviceAccount: bound.serviceaccount,
    pod: bound.pod,
    node:
      bound.node === undefined ? undefined : { name: bound.node.name, ...(bound.node.uid && { uid: bound.node.uid }) },
    jti: claims.jti,
    issuedAt: claims.iat,
    expiresAt: claims.exp,
  }
}

function requireAudience(aud: string | readonly string[], ours: string): void {
  const audiences = typeof aud === 'string' ? [aud] : aud
  if (audiences.length !== 1 || audiences[0] !== ours) {
    throw refuse('subject_token_audience', 'the audience is not this broker alone')
  }
}

function requireLifetime(
  { exp, iat, nbf }: { readonly exp: number; readonly iat: number; readonly nbf: number },
  warnafter: number | undefined,
  { maxLifetimeSeconds, clockToleranceSeconds, now }: ClaimLimits,
): void {
  const at = epochSeconds(now)
  if (exp <= at) throw refuse('subject_token_expired', 'expired')
  if (nbf > at + clockToleranceSeconds || iat > at + clockToleranceSeconds) {
    throw refuse('subject_token_not_yet_valid', 'not valid yet')
  }
  if (exp - iat > maxLifetimeSeconds || exp <= iat) throw refuse('subject_token_lifetime', 'lives longer than allowed')
  if (warnafter !== undefined && warnafter <= at) throw refuse('subject_token_lifetime', 'past warnafter')
}

function refuse(reason: ProblemReason, detail: string): Problem {
  return new Problem(reason, { detail })
}
