import type { AuditRecord, AuditRun } from '../../core/audit/event.ts'

/** UID of the object whose end ends the run. */
export function runUidOf(run: AuditRun | undefined): string | undefined {
  return run?.pipeline_run_uid ?? run?.task_run_uid
}

/** The grant of a `granted` record; `undefined` when it names no token. */
export function readGrant({ data }: AuditRecord) {
  const { token, subject } = data
  const expiresAt = readTime(token?.expires_at)
  if (token === undefined || subject === undefined || expiresAt === undefined) return undefined
  return {
    jti: token.jti,
    exchangeId: data.exchange_id ?? token.jti,
    audience: token.audience,
    scope: token.scope,
    namespace: subject.namespace,
    serviceAccount: subject.service_account,
    podUid: subject.pod_uid,
    runUid: runUidOf(data.run),
    expiresAt,
    isRevoked: false,
  }
}

/** The authorisation of an `authorized` record; `undefined` when it lacks what an authorisation is bound to. */
export function readAuthorization({ data }: AuditRecord) {
  const { subject, policy, run, request } = data
  const { authorization_id: id, authorization_digest: digest } = data
  const runUid = runUidOf(run)
  const expiresAt = readTime(data.authorization_expires_at)
  if (id === undefined || digest === undefined || runUid === undefined || expiresAt === undefined) return undefined
  if (subject === undefined || policy === undefined || request?.audience === undefined) return undefined
  return {
    id,
    digest,
    runUid,
    expiresAt,
    cluster: subject.cluster,
    namespace: subject.namespace,
    policyUid: policy.uid,
    policyGeneration: policy.generation,
    provider: policy.provider,
    audience: request.audience,
    scope: request.scope ?? [],
    into: (run?.into ?? []).map(({ task, service_account: serviceAccount }) => ({ task, serviceAccount })),
  }
}

function readTime(text: string | undefined): Date | undefined {
  const time = new Date(text ?? Number.NaN)
  return Number.isNaN(time.getTime()) ? undefined : time
}
