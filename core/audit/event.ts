import type { Brand } from '../brand.ts'
import type { Assurance } from '../identity/run.ts'
import type { ProblemReason } from '../problem.ts'

/** Closed list of event types; each is a schema version of its own. */
export type AuditType =
  | 'dev.tokenbroker.exchange.intended.v1'
  | 'dev.tokenbroker.exchange.authorized.v1'
  | 'dev.tokenbroker.exchange.granted.v1'
  | 'dev.tokenbroker.exchange.denied.v1'
  | 'dev.tokenbroker.exchange.failed.v1'
  | 'dev.tokenbroker.explain.v1'
  | 'dev.tokenbroker.approval.requested.v1'
  | 'dev.tokenbroker.approval.decided.v1'
  | 'dev.tokenbroker.approval.expired.v1'
  | 'dev.tokenbroker.policy.changed.v1'
  | 'dev.tokenbroker.access.suspended.v1'
  | 'dev.tokenbroker.token.revoked.v1'
  | 'dev.tokenbroker.run.ended.v1'
  | 'dev.tokenbroker.event.registered.v1'
  | 'dev.tokenbroker.event.refused.v1'
  | 'dev.tokenbroker.broker.started.v1'
  | 'dev.tokenbroker.broker.stopped.v1'
  | 'dev.tokenbroker.broker.recovered.v1'
  | 'dev.tokenbroker.suppressed.v1'

/** Why the event happened: a problem, or one of the ways that things go well. */
export type AuditReason =
  | ProblemReason
  | 'granted'
  | 'authorized'
  | 'intended'
  | 'would_grant'
  | 'would_deny'
  | 'explained'
  | 'approval_requested'
  | 'approved'
  | 'approval_closed'
  | 'event_verified'
  | 'event_malformed'
  | 'event_replayed'
  | 'event_sender_unknown'
  | 'event_signature'
  | 'event_stale'
  | 'event_unavailable'
  | 'event_unsigned'
  | 'policy_added'
  | 'policy_changed'
  | 'policy_removed'
  | 'suspended'
  | 'resumed'
  | 'revoked_by_workload'
  | 'revoked_by_controller'
  | 'revoked_by_person'
  | 'started'
  | 'stopped'
  | 'recovered_torn_tail'
  | 'accepted_new_epoch'
  | 'suppressed'

export interface AuditSubject {
  readonly cluster: string
  readonly namespace: string
  readonly service_account: string
  readonly service_account_uid?: string
  readonly pod?: string
  readonly pod_uid?: string
  readonly node?: string
  readonly credential_id?: string
}

export interface AuditRun {
  readonly assurance: Assurance
  readonly pipeline?: string
  readonly pipeline_run?: string
  readonly pipeline_run_uid?: string
  readonly task?: string
  readonly task_run?: string
  readonly task_run_uid?: string
  readonly custom_run?: string
  readonly custom_run_uid?: string
  readonly initiator?: string
  readonly initiator_uid?: string
  /** How the initiator is known: `stamp`, or `event` for a person that a verified event names. */
  readonly initiator_from?: 'stamp' | 'event'
  readonly is_initiator_proved?: boolean
  readonly source?: AuditSource
  readonly task_source?: AuditSource
  readonly has_pod_template?: boolean
  /** What labels of Tekton Triggers say, proved or not. */
  readonly trigger?: { readonly event_listener: string; readonly trigger: string; readonly event_id: string }
  readonly event?: AuditEvent
  /** Each step of the walk from pod or CustomRun to what caused the run. */
  readonly evidence?: readonly { readonly hop: string; readonly verdict: string; readonly detail?: string }[]
  /** The pipeline tasks that an authorisation goes into, with the ServiceAccount of each. */
  readonly into?: readonly { readonly task: string; readonly service_account: string }[]
}

/** Where the text of a pipeline or task came from. */
export interface AuditSource {
  readonly uri: string
  readonly digest?: string
  readonly entry_point?: string
  readonly revision?: string
}

/** An event whose sender was verified, or was not. */
export interface AuditEvent {
  readonly id: string
  readonly sender?: string
  readonly kind?: string
  readonly event_listener?: string
  readonly trigger?: string
  /** Hex SHA-256 of the raw body. */
  readonly body_digest?: string
  readonly login?: string
  readonly fields?: Readonly<Record<string, string | number | boolean>>
}

/** A question to people, and what they said. */
export interface AuditApproval {
  readonly name: string
  readonly uid?: string
  readonly digest: string
  readonly expires_at?: string
  readonly requirements?: readonly { readonly groups?: readonly string[]; readonly required: number }[]
  readonly decisions?: readonly { readonly by: string; readonly verdict: string; readonly comment?: string }[]
}

export interface AuditRequest {
  readonly door: 'token' | 'authorize' | 'explain' | 'introspect' | 'revoke' | 'runs-end' | 'runs-live' | 'interceptor'
  /** It was asked what would happen; nothing was to be granted. */
  readonly is_dry_run?: boolean
  readonly grant_type?: string
  readonly audience?: string
  readonly scope?: readonly string[]
  readonly policy?: string
  readonly requested_expiry_seconds?: number
  readonly peer_address?: string
  /** Whether that is an address of the controller's pod, where it acts for a CustomRun. */
  readonly peer_is_actor_pod?: boolean
}

export interface AuditPolicy {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly generation: number
  /** Where the record is about the policy itself; elsewhere the subject says it. */
  readonly cluster?: string
  readonly kind?: 'TokenPolicy' | 'ClusterTokenPolicy' | 'ClusterTokenProvider'
  /** Hex SHA-256 of the canonical JSON of its spec. */
  readonly digest?: string
  readonly provider: string
  readonly provider_generation: number
  /** The rule that decided a refusal. */
  readonly rule?: string
  readonly rbac?: readonly { readonly resource_name: string; readonly is_allowed: boolean }[]
}

export interface AuditToken {
  readonly jti: string
  readonly issuer: string
  readonly audience: string
  readonly scope: readonly string[]
  readonly issued_at: string
  readonly expires_at: string
}

/** What the journal met when it was opened; in `broker.recovered` records. */
export interface AuditRecovery {
  /** Length of the incomplete last line that was cut off; it was never acknowledged. */
  readonly truncated_bytes?: number
  /** Last record of the chain before this one that could be verified, where an operator accepted a new epoch. */
  readonly previous_head?: {
    readonly chain_uid: string
    readonly sequence: string
    readonly fingerprint: string
  }
  /** Why the chain before could not be continued. */
  readonly offence?: string
}

/** Body of a record: who, what, why, for which run, with what outcome. Never a token, an assertion or a raw form. */
export interface AuditData {
  readonly outcome: 'intended' | 'authorized' | 'granted' | 'denied' | 'failed' | 'info'
  readonly reason: AuditReason
  /** Operator's text; may name policy contents, never a credential. */
  readonly detail?: string
  readonly exchange_id?: string
  readonly authorization_id?: string
  readonly authorization_digest?: string
  readonly authorization_expires_at?: string
  /** Longest life of a token under the authorisation. */
  readonly authorization_ttl_seconds?: number
  readonly subject?: AuditSubject
  /** The controller, where it asked for a CustomRun. */
  readonly actor?: AuditSubject
  readonly run?: AuditRun
  readonly request?: AuditRequest
  readonly policy?: AuditPolicy
  readonly approval?: AuditApproval
  /** Who named the workload an automated agent, where one of the rules for agents applied. */
  readonly agent_named_by?: string
  readonly event?: AuditEvent
  readonly token?: AuditToken
  readonly revocation_check?: 'token-review' | 'none'
  /** What the other policies of the namespace said, where none was named. */
  readonly other_policies?: readonly { readonly name: string; readonly reason: string }[]
  readonly revoked_tokens?: readonly string[]
  /** How many tokens, and how many authorisations, the end of a run withdrew. */
  readonly revoked_count?: number
  readonly closed_authorizations?: number
  /** User name of the person who withdrew it, as the API server knows that person. */
  readonly by?: string
  /** The annotation `tokenbroker.dev/revoked-at` that asked for it. */
  readonly revoked_at?: string
  /** How many events this record stands for, and when the first of them happened. */
  readonly suppressed_count?: number
  readonly suppressed_since?: string
  readonly recovery?: AuditRecovery
  /** Members that were shortened or left out because the record would have been too large. */
  readonly truncated?: readonly string[]
  readonly duration_ms?: number
}

/** What a caller hands to the journal; the journal adds id, sequence, chain and broker. */
export interface AuditEntry {
  readonly type: AuditType
  /** `<namespace>/<pipelinerun or pod>`, or the broker's own name for its life-cycle events. */
  readonly subject: string
  readonly time: Date
  readonly data: AuditData
}

/** One line of the journal: a CloudEvents 1.0 event in structured JSON form. @see CloudEvents 1.0 §3 */
export interface AuditRecord {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: AuditType
  readonly subject: string
  readonly time: string
  readonly datacontenttype: 'application/json'
  readonly dataschema: string
  /** Zero-padded to 20 digits, so that it sorts as text; counts from 1 within a chain. */
  readonly sequence: string
  readonly data: AuditData & {
    readonly broker: { readonly name: string; readonly version: string }
    /** What the record survived before it was acknowledged. */
    readonly durability: 'fdatasync' | 'memory'
    readonly attestation: AuditAttestation
  }
}

/** Position in the hash chain. `fingerprint` covers the canonical JSON (RFC 8785) of the record without itself. */
export interface AuditAttestation {
  readonly chain_uid: string
  /** Hex SHA-256 of the record before; 64 zeros in the first. */
  readonly prev_event: string
  readonly fingerprint: string
}

/** Proof that a record is durable; made by the journal alone, and nothing is answered without one. */
export type Receipt = Brand<
  { readonly eventId: string; readonly sequence: number; readonly chainUid: string },
  'Receipt'
>

/** The audit stream as the exchange sees it. */
export interface AuditJournal {
  /**
   * Resolves when the record is durable.
   *
   * @throws Problem `audit_unavailable` when it cannot be written; then nothing may be released
   */
  append(entry: AuditEntry): Promise<Receipt>
}
