import type { Workload } from '../core/identity/workload.ts'
import { Problem } from '../core/problem.ts'
import { Secret } from '../core/secret.ts'
import type { VerifyWorkload } from './identity/verify.ts'

/** A ServiceAccount that the configuration gives a right. */
export interface AllowedCaller {
  /** Default: any cluster, for those who act for their own cluster only. */
  readonly cluster?: string | undefined
  readonly namespace: string
  readonly serviceAccount: string
}

/**
 * Proves the caller of `/introspect`, `/revoke` and `/runs/end` by its own projected token.
 *
 * @throws Problem `caller_unauthenticated`; that a service behind us is down stays what it is
 * @see RFC 6750 §2.1
 */
export async function authenticateCaller(
  authorization: string | undefined,
  verify: VerifyWorkload,
  signal: AbortSignal,
): Promise<Workload> {
  const [, token] = /^Bearer ([^\s]{1,16384})$/i.exec(authorization ?? '') ?? []
  if (token === undefined) throw new Problem('caller_unauthenticated', { detail: 'no bearer token' })
  try {
    return await verify(new Secret(token), signal)
  } catch (cause) {
    if (!(cause instanceof Problem) || cause.row.outcome === 'failed') throw cause
    throw new Problem('caller_unauthenticated', { detail: cause.reason, cause })
  }
}

export function isSameAccount(workload: Workload, allowed: AllowedCaller | undefined): boolean {
  return (
    workload.namespace === allowed?.namespace &&
    workload.serviceAccount.name === allowed.serviceAccount &&
    (allowed.cluster === undefined || allowed.cluster === workload.cluster)
  )
}
