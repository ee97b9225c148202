import { z } from 'zod'
import { type ProblemReason, problems } from '../problem.ts'
import type { AuditReason, AuditType } from './event.ts'

/** Every event type, for the published schema. */
export const auditTypes = [
  'dev.tokenbroker.exchange.intended.v1',
  'dev.tokenbroker.exchange.authorized.v1',
  'dev.tokenbroker.exchange.granted.v1',
  'dev.tokenbroker.exchange.denied.v1',
  'dev.tokenbroker.exchange.failed.v1',
  'dev.tokenbroker.explain.v1',
  'dev.tokenbroker.approval.requested.v1',
  'dev.tokenbroker.approval.decided.v1',
  'dev.tokenbroker.approval.expired.v1',
  'dev.tokenbroker.policy.changed.v1',
  'dev.tokenbroker.access.suspended.v1',
  'dev.tokenbroker.token.revoked.v1',
  'dev.tokenbroker.run.ended.v1',
  'dev.tokenbroker.event.registered.v1',
  'dev.tokenbroker.event.refused.v1',
  'dev.tokenbroker.broker.started.v1',
  'dev.tokenbroker.broker.stopped.v1',
  'dev.tokenbroker.broker.recovered.v1',
  'dev.tokenbroker.suppressed.v1',
] as const satisfies readonly AuditType[]

const problemReasons = Object.keys(problems) as ProblemReason[]

/** Every reason, for the published schema. */
export const auditReasons = [
  ...problemReasons,
  'granted',
  'authorized',
  'intended',
  'would_grant',
  'would_deny',
  'explained',
  'approval_requested',
  'approved',
  'approval_closed',
  'event_verified',
  'event_malformed',
  'event_replayed',
  'event_sender_unknown',
  'event_signature',
  'event_stale',
  'event_unavailable',
  'event_unsigned',
  'policy_added',
  'policy_changed',
  'policy_removed',
  'suspended',
  'resumed',
  'revoked_by_workload',
  'revoked_by_controller',
  'revoked_by_person',
  'started',
  'stopped',
  'recovered_torn_tail',
  'accepted_new_epoch',
  'suppressed',
] as const satisfies readonly AuditReason[]

const text = z.string().min(1)
const count = z.int().nonnegative()
const instant = z.iso.datetime({ offset: false })
const fingerprint = z.string().regex(/^[0-9a-f]{64}$/)
const sequence = z.string().regex(/^\d{20}$/)

const subject = z.looseObject({
  cluster: text,
  namespace: text,
  service_account: text,
  service_account_uid: text.optional(),
  pod: text.optional(),
  pod_uid: text.optional(),
  node: text.optional(),
  credential_id: text.optional(),
})

const source = z.looseObject({
  uri: text,
  digest: text.optional(),
  entry_point: text.optional(),
  revision: text.optional(),
})

const event = z.looseObject({
  id: text,
  sender: text.optional(),
  kind: text.optional(),
  event_listener: text.optional(),
  trigger: text.optional(),
  body_digest: fingerprint.optional(),
  login: text.optional(),
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
})

const approval = z.looseObject({
  name: text,
  uid: text.optional(),
  digest: fingerprint,
  expires_at: instant.optional(),
  requirements: z.array(z.looseObject({ groups: z.array(text).optional(), required: count })).optional(),
  decisions: z.array(z.looseObject({ by: text, verdict: text, comment: z.string().optional() })).optional(),
})

const run = z.looseObject({
  assurance: z.enum(['verified', 'claimed', 'none']),
  pipeline: text.optional(),
  pipeline_run: text.optional(),
  pipeline_run_uid: text.optional(),
  task: text.optional(),
  task_run: text.optional(),
  task_run_uid: text.optional(),
  custom_run: text.optional(),
  custom_run_uid: text.optional(),
  initiator: text.optional(),
  initiator_uid: text.optional(),
  initiator_from: z.enum(['stamp', 'event']).optional(),
  is_initiator_proved: z.boolean().optional(),
  source: source.optional(),
  task_source: source.optional(),
  has_pod_template: z.boolean().optional(),
  trigger: z.looseObject({ event_listener: text, trigger: text, event_id: text }).optional(),
  event: event.optional(),
  evidence: z.array(z.looseObject({ hop: text, verdict: text, detail: z.string().optional() })).optional(),
  into: z.array(z.looseObject({ task: text, service_account: text })).optional(),
})

const request = z.looseObject({
  door: z.enum(['token', 'authorize', 'explain', 'introspect', 'revoke', 'runs-end', 'runs-live', 'interceptor']),
  is_dry_run: z.boolean().optional(),
  grant_type: z.string().optional(),
  audience: z.string().optional(),
  scope: z.array(z.string()).optional(),
  policy: z.string().optional(),
  requested_expiry_seconds: count.optional(),
  peer_address: z.string().optional(),
  peer_is_actor_pod: z.boolean().optional(),
})

const policy = z.looseObject({
  name: text,
  namespace: text,
  uid: text,
  generation: count,
  cluster: text.optional(),
  kind: z.enum(['TokenPolicy', 'ClusterTokenPolicy', 'ClusterTokenProvider']).optional(),
  digest: fingerprint.optional(),
  provider: text,
  provider_generation: count,
  rule: text.optional(),
  rbac: z.array(z.looseObject({ resource_name: text, is_allowed: z.boolean() })).optional(),
})

const token = z.looseObject({
  jti: text,
  issuer: text,
  audience: text,
  scope: z.array(text),
  issued_at: instant,
  expires_at: instant,
})

const recovery = z.looseObject({
  truncated_bytes: count.optional(),
  previous_head: z.looseObject({ chain_uid: text, sequence, fingerprint }).optional(),
  offence: text.optional(),
})

const data = z.looseObject({
  outcome: z.enum(['intended', 'authorized', 'granted', 'denied', 'failed', 'info']),
  reason: z.enum(auditReasons),
  detail: z.string().optional(),
  exchange_id: text.optional(),
  authorization_id: text.optional(),
  authorization_digest: text.optional(),
  authorization_expires_at: instant.optional(),
  authorization_ttl_seconds: count.optional(),
  subject: subject.optional(),
  actor: subject.optional(),
  run: run.optional(),
  request: request.optional(),
  policy: policy.optional(),
  approval: approval.optional(),
  agent_named_by: text.optional(),
  event: event.optional(),
  token: token.optional(),
  revocation_check: z.enum(['token-review', 'none']).optional(),
  other_policies: z.array(z.looseObject({ name: text, reason: text })).optional(),
  revoked_tokens: z.array(text).optional(),
  revoked_count: count.optional(),
  closed_authorizations: count.optional(),
  by: text.optional(),
  revoked_at: text.optional(),
  suppressed_count: count.optional(),
  suppressed_since: instant.optional(),
  recovery: recovery.optional(),
  truncated: z.array(text).optional(),
  duration_ms: z.number().nonnegative().optional(),
  broker: z.looseObject({ name: text, version: text }),
  durability: z.enum(['fdatasync', 'memory']),
  attestation: z.looseObject({ chain_uid: text, prev_event: fingerprint, fingerprint }),
})

/**
 * Version 1 of the audit record, as published. It only ever grows, so readers must let unknown members pass; the closed
 * lists (types, reasons) are closed for writers of this version.
 */
export const auditRecordSchema = z
  .looseObject({
    specversion: z.literal('1.0'),
    id: text,
    source: text,
    type: z.enum(auditTypes),
    subject: text,
    time: instant,
    datacontenttype: z.literal('application/json'),
    dataschema: text,
    sequence,
    data,
  })
  .meta({ title: 'Audit record of the Tekton Token Broker, version 1' })
