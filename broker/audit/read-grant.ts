import type { AuditRecord } from '../../core/audit/event.ts'
import { runKey } from '../../core/identity/run.ts'
import type { ApprovalFate } from './grant-book.ts'

/** The run whose end ends what a record grants, or which the record ends. */
export function runOf({ subject, data }: AuditRecord): string | undefined {
  const { run, subject: workload, actor } = data
  const cluster = workload?.cluster ?? actor?.cluster ?? ''
  const place = { cluster, namespace: workload?.namespace ?? subject.slice(0, subject.indexOf('/')) }
  if (run?.pipeline_run_uid !== undefined) {
    return runKey(place, { kind: 'PipelineRun', name: run.pipeline_run ?? '', uid: run.pipeline_run_uid })
  }
  if (run?.task_run_uid === undefined) return undefined
  return runKey(place, { kind: 'TaskRun', name: run.task_run ?? '', uid: run.task_run_uid })
}

/** The grant of a `granted` record; `undefined` when it names no token. */
export function readGrant(record: AuditRecord) {
  const { data } = record
  const { token, subject } = data
  const expiresAt = readTime(token?.expires_at)
  if (token === undefined || subject === undefined || expiresAt === undefined) return undefined
  return {
    jti: token.jti,
    exchangeId: data.exchange_id ?? token.jti,
    subject: record.subject,
    audience: token.audience,
    scope: token.scope,
    cluster: subject.cluster,
    namespace: subject.namespace,
    serviceAccount: subject.service_account,
    podUid: subject.pod_uid,
    policyUid: data.policy?.uid,
    provider: data.policy?.provider,
    run: runOf(record),
    expiresAt,
    isRevoked: false,
  }
}

/** The authorisation of an `authorized` record; `undefined` when it lacks what an authorisation is bound to. */
export function readAuthorization(record: AuditRecord) {
  const { data } = record
  const { subject, policy, request } = data
  const { authorization_id: id, authorization_digest: digest } = data
  const run = runOf(record)
  const expiresAt = readTime(data.authorization_expires_at)
  if (id === undefined || digest === undefined || run === undefined || expiresAt === undefined) return undefined
  if (subject === undefined || policy === undefined || request?.audience === undefined) return undefined
  return {
    id,
    digest,
    run,
    expiresAt,
    ttlSeconds: data.authorization_ttl_seconds,
    cluster: subject.cluster,
    namespace: subject.namespace,
    policyUid: policy.uid,
    policyGeneration: policy.generation,
    provider: policy.provider,
    audience: request.audience,
    scope: request.scope ?? [],
    into: (data.run?.into ?? []).map(({ task, service_account: serviceAccount }) => ({ task, serviceAccount })),
  }
}

/** The question of an `approval.requested` record; `undefined` when it lacks what a question is bound to. */
export function readQuestion(record: AuditRecord): ApprovalFate | undefined {
  const { approval, subject, authorization_expires_at: end } = record.data
  const run = runOf(record)
  const [askedUntil, expiresAt] = [readTime(approval?.expires_at), readTime(end)]
  if (approval === undefined || subject === undefined || run === undefined) return undefined
  if (askedUntil === undefined || expiresAt === undefined) return undefined
  const { name, digest } = approval
  const { cluster, namespace } = subject
  return { name, digest, cluster, namespace, run, verdict: 'open', askedUntil, expiresAt }
}

/** What an `approval.decided` or `approval.expired` record says of its question. */
export function readVerdict({ data }: AuditRecord): ApprovalFate['verdict'] | undefined {
  switch (data.reason) {
    case 'approved':
      return 'approved'
    case 'approval_rejected':
      return 'rejected'
    case 'approval_expired':
      return 'expired'
    case 'approval_closed':
      return 'closed'
    default:
      return undefined
  }
}

function readTime(text: string | undefined): Date | undefined {
  const time = new Date(text ?? Number.NaN)
  return Number.isNaN(time.getTime()) ? undefined : time
}
