import type { AuditApproval, AuditEntry } from '../../core/audit/event.ts'
import type { TokenApprovalSpec } from '../../core/crd/token-approval.ts'
import type { ApprovalFate } from '../audit/grant-book.ts'
import type { Question } from './question.ts'
import type { SeenApproval } from './seen-approval.ts'

type Verdict = Exclude<ApprovalFate['verdict'], 'open'>

const reasons = {
  approved: 'approved',
  rejected: 'approval_rejected',
  expired: 'approval_expired',
  closed: 'approval_closed',
} as const satisfies Record<Verdict, AuditEntry['data']['reason']>

/** The record that ends a question. */
export function verdictEntry(
  fate: ApprovalFate,
  verdict: Verdict,
  time: Date,
  seen?: Pick<SeenApproval, 'uid' | 'spec'>,
): AuditEntry {
  const { cluster, namespace, name, digest } = fate
  // The key of a run ends with its kind, name and UID.
  const [kind, run = '', uid = ''] = fate.run.split('/').slice(-3)
  const accounts = accountsOf(seen?.spec)
  const isDecision = verdict === 'approved' || verdict === 'rejected'
  return {
    type: `dev.tokenbroker.approval.${isDecision ? 'decided' : 'expired'}.v1`,
    subject: `${namespace}/${run}`,
    time,
    data: {
      outcome: 'info',
      reason: reasons[verdict],
      ...(accounts !== '' && { subject: { cluster, namespace, service_account: accounts } }),
      run: {
        assurance: 'claimed',
        ...(kind === 'PipelineRun'
          ? { pipeline_run: run, pipeline_run_uid: uid }
          : { task_run: run, task_run_uid: uid }),
      },
      approval: { name, digest, ...(seen && { uid: seen.uid, ...describe(seen.spec) }) },
    },
  }
}

/** A question as its `approval.requested` record shows it. */
export function describeQuestion({ name, spec }: Question): AuditApproval {
  return { name, digest: spec.request.digest, ...describe(spec) }
}

function describe({ expiresAt, requirements, decisions }: TokenApprovalSpec): Omit<AuditApproval, 'name' | 'digest'> {
  return {
    expires_at: expiresAt,
    requirements: requirements.map(({ groups, required }) => ({ ...(groups && { groups }), required })),
    ...(decisions.length > 0 && {
      decisions: decisions.map(({ by, verdict, comment }) => ({ by, verdict, ...(comment && { comment }) })),
    }),
  }
}

function accountsOf(spec: TokenApprovalSpec | undefined): string {
  return [...new Set(spec?.request.into.map(({ serviceAccount }) => serviceAccount))].sort().join(' ')
}
