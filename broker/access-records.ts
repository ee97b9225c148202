import type { AuditEntry, AuditPolicy, AuditReason } from '../core/audit/event.ts'
import type { AccessName, AccessObject } from '../core/policy/access-object.ts'
import type { LiveGrant } from './audit/grant-book.ts'

/** What a record says of an object, and of where it is. */
type Described = AccessName & Pick<AccessObject, 'uid' | 'generation' | 'digest' | 'provider'>

/** The record of a policy or provider that came, changed or went. */
export function changedEntry(
  object: Described,
  reason: Extract<AuditReason, 'policy_added' | 'policy_changed' | 'policy_removed'>,
  time: Date,
): AuditEntry {
  const data = { outcome: 'info', reason, policy: describePolicy(object) } as const
  return { type: 'dev.tokenbroker.policy.changed.v1', subject: subjectOf(object), time, data }
}

/** The record of an act by which a person stops something, or lets it go on. */
export function suspendedEntry(
  object: Described,
  reason: Extract<AuditReason, 'suspended' | 'resumed'>,
  by: string | undefined,
  time: Date,
): AuditEntry {
  const data = { outcome: 'info', reason, ...whatOf(object), ...(by !== undefined && { by }) } as const
  return { type: 'dev.tokenbroker.access.suspended.v1', subject: subjectOf(object), time, data }
}

/** What one record names of the withdrawn tokens; each has a record of its own as well. */
const maxNamedTokens = 256

/** The record that withdraws: from it on, everything that was granted before is revoked. */
export function withdrawnEntry(
  object: Described,
  revoked: { readonly by: string; readonly at: string },
  grants: readonly LiveGrant[],
  time: Date,
): AuditEntry {
  const data = {
    outcome: 'info',
    reason: 'revoked_by_person',
    ...whatOf(object),
    by: revoked.by,
    ...(revoked.at !== '' && { revoked_at: revoked.at }),
    revoked_tokens: grants.slice(0, maxNamedTokens).map(({ jti }) => jti),
    revoked_count: grants.length,
  } as const
  return { type: 'dev.tokenbroker.access.suspended.v1', subject: subjectOf(object), time, data }
}

/** One of the tokens that were withdrawn, for whoever follows tokens. */
export function withdrawnTokenEntry(grant: LiveGrant, by: string, time: Date): AuditEntry {
  const { cluster, namespace, serviceAccount } = grant
  return {
    type: 'dev.tokenbroker.token.revoked.v1',
    subject: grant.subject,
    time,
    data: {
      outcome: 'info',
      reason: 'revoked_by_person',
      exchange_id: grant.exchangeId,
      subject: { cluster, namespace, service_account: serviceAccount },
      by,
      revoked_tokens: [grant.jti],
    },
  }
}

function subjectOf({ namespace, name }: Described): string {
  return `${namespace}/${name}`
}

function whatOf(object: Described) {
  if (object.kind !== 'ServiceAccount') return { policy: describePolicy(object) }
  const { cluster, namespace, name, uid } = object
  return { subject: { cluster, namespace, service_account: name, service_account_uid: uid } }
}

function describePolicy({ cluster, kind, namespace, name, uid, generation, digest, provider }: Described): AuditPolicy {
  return {
    cluster,
    ...(kind !== 'ServiceAccount' && { kind }),
    name,
    namespace,
    uid,
    generation,
    ...(digest !== '' && { digest }),
    provider,
    provider_generation: kind === 'ClusterTokenProvider' ? generation : 0,
  }
}
