import { describeRun } from '../core/audit/describe-run.ts'
import type { AuditData, AuditEntry, AuditPolicy, AuditRequest, AuditSubject, AuditType } from '../core/audit/event.ts'
import { rfc3339 } from '../core/clock.ts'
import { runObject } from '../core/identity/run.ts'
import type { WorkloadClaims } from '../core/identity/workload.ts'
import type { AgentFacts, Allowance, Policy, Provider, ScopeAccess } from '../core/policy/allowance.ts'
import { Refused, trialVerdict } from '../core/policy/evaluate.ts'
import type { Problem } from '../core/problem.ts'
import type { Authorization } from './approvals/authorize-run.ts'
import type { Question } from './approvals/question.ts'
import { describeQuestion } from './approvals/verdict-entry.ts'
import type { Explanation } from './explanation.ts'
import type { Known } from './known.ts'
import type { Grant, IssuedToken } from './providers/provider.ts'

/** What ended well or is about to be tried; everything else is a {@link Problem}. */
export type Recordable =
  | { readonly kind: 'intended'; readonly grant: Grant }
  | { readonly kind: 'granted'; readonly grant: Grant; readonly issued: IssuedToken }
  | { readonly kind: 'authorized'; readonly authorization: Authorization }
  | { readonly kind: 'explained'; readonly explanation: Explanation }
  | { readonly kind: 'asked'; readonly question: Question }
  | { readonly kind: 'refused'; readonly problem: Problem }

/** One request as an entry of the audit stream: pure, and the only place that decides what is written of it. */
export function entryFor(known: Known, what: Recordable, now: Date): AuditEntry {
  const type = typeOf(known, what)
  return { type, subject: subjectLine(known), time: now, data: { ...base(known, now), ...outcomeOf(known, what) } }
}

/** A question what would happen is nothing that happened, however it is answered. */
function typeOf({ incoming }: Known, what: Recordable): AuditType {
  if (incoming.door === 'explain' || what.kind === 'explained') return 'dev.tokenbroker.explain.v1'
  if (what.kind === 'asked') return 'dev.tokenbroker.approval.requested.v1'
  return `dev.tokenbroker.exchange.${what.kind === 'refused' ? what.problem.row.outcome : what.kind}.v1`
}

function base(known: Known, now: Date): Omit<AuditData, 'outcome' | 'reason'> {
  const { requester } = known
  const run = known.gathered?.facts.run
  const others = known.allowance?.others ?? []
  return {
    exchange_id: known.exchangeId,
    ...(requester && whoAsks(known, requester.workload)),
    ...(run && { run: describeRun(run) }),
    request: describeRequest(known),
    ...(known.allowance && { policy: policyOf(known.allowance) }),
    ...agentNamedBy(known.allowance?.agent),
    ...(others.length > 0 && { other_policies: others }),
    ...(requester && { revocation_check: requester.workload.revocationCheck }),
    duration_ms: now.getTime() - known.startedAt.getTime(),
  }
}

function outcomeOf(known: Known, what: Recordable): Pick<AuditData, 'outcome' | 'reason'> & Partial<AuditData> {
  switch (what.kind) {
    case 'intended':
      return { outcome: 'intended', reason: 'intended', ...under(what.grant) }
    case 'granted':
      return {
        outcome: 'granted',
        reason: 'granted',
        ...under(what.grant),
        token: describeToken(what.grant, what.issued),
      }
    case 'authorized':
      return { outcome: 'authorized', reason: 'authorized', ...describeAuthorization(known, what.authorization) }
    case 'explained':
      return describeExplanation(what.explanation)
    case 'asked':
      return { outcome: 'info', reason: 'approval_requested', ...describeAsked(known, what.question) }
    case 'refused':
      return describeRefusal(what.problem)
  }
}

/** For a CustomRun the subject is the run's ServiceAccount, and the controller stands in `actor`. */
function whoAsks(known: Known, workload: WorkloadClaims): Pick<AuditData, 'subject' | 'actor'> {
  if (known.requester?.kind !== 'customrun') return { subject: describeWorkload(workload) }
  const { namespace } = known.requester.reference
  const serviceAccounts = known.gathered?.facts.subject.serviceAccounts ?? []
  return {
    subject: { cluster: workload.cluster, namespace, service_account: serviceAccounts.join(' ') },
    actor: describeWorkload(workload),
  }
}

/** A proved workload as records show it. */
export function describeWorkload(workload: WorkloadClaims): AuditSubject {
  return {
    cluster: workload.cluster,
    namespace: workload.namespace,
    service_account: workload.serviceAccount.name,
    service_account_uid: workload.serviceAccount.uid,
    pod: workload.pod.name,
    pod_uid: workload.pod.uid,
    ...(workload.node && { node: workload.node.name }),
    credential_id: workload.credentialId,
  }
}

function describeRequest({ incoming, request, actor, gathered }: Known): AuditRequest {
  return {
    door: incoming.door,
    ...(gathered?.delegation?.isDryRun && { is_dry_run: true }),
    ...(request && { grant_type: request.grantType }),
    ...(request?.audience && { audience: request.audience }),
    ...(request?.scopes && { scope: request.scopes }),
    ...(request?.policy && { policy: request.policy }),
    ...(request?.requestedExpirySeconds && { requested_expiry_seconds: request.requestedExpirySeconds }),
    ...(incoming.peerAddress && { peer_address: incoming.peerAddress }),
    ...(actor?.isPodAddress !== undefined && { peer_is_actor_pod: actor.isPodAddress }),
  }
}

function policyOf({ policy, provider, rbac }: Allowance): AuditPolicy {
  return describePolicy(policy, provider, rbac)
}

function describePolicy(policy: Policy, provider: Provider | undefined, rbac: readonly ScopeAccess[]): AuditPolicy {
  return {
    name: policy.name,
    namespace: policy.namespace,
    uid: policy.uid,
    generation: policy.generation,
    kind: policy.kind,
    ...(policy.digest && { digest: policy.digest }),
    provider: policy.spec.providerRef.name,
    provider_generation: provider?.generation ?? 0,
    rbac: rbac.map(({ resourceName, isAllowed }) => ({ resource_name: resourceName, is_allowed: isAllowed })),
  }
}

function agentNamedBy(agent: AgentFacts | undefined): Pick<AuditData, 'agent_named_by'> {
  return agent === undefined ? {} : { agent_named_by: agent.namedBy }
}

function under({ authorizationId }: Grant): Pick<AuditData, 'authorization_id'> {
  return authorizationId === undefined ? {} : { authorization_id: authorizationId }
}

function describeToken(grant: Grant, issued: IssuedToken): NonNullable<AuditData['token']> {
  return {
    jti: issued.jti,
    issuer: issued.issuer,
    audience: grant.allowance.audience,
    scope: issued.scopes,
    issued_at: rfc3339(grant.issuedAt),
    expires_at: rfc3339(issued.expiresAt),
  }
}

function describeAuthorization(known: Known, authorization: Authorization): Partial<AuditData> {
  const { allowance, into } = authorization
  return {
    authorization_id: authorization.id,
    authorization_digest: authorization.digest,
    authorization_expires_at: rfc3339(authorization.expiresAt),
    authorization_ttl_seconds: allowance.ttlSeconds,
    run: {
      ...describeRun(allowance.run),
      into: into.map(({ task, serviceAccount }) => ({ task, service_account: serviceAccount })),
    },
    request: { ...describeRequest(known), audience: allowance.audience, scope: allowance.scopes },
  }
}

function describeExplanation({ decision, refusal }: Explanation): Pick<AuditData, 'outcome' | 'reason'> {
  const told = refusal === undefined ? {} : describeRefusal(refusal)
  return { ...told, outcome: 'info', reason: decision === 'deny' ? 'would_deny' : 'would_grant' }
}

function describeAsked(known: Known, question: Question): Partial<AuditData> {
  const { request } = question.spec
  return {
    authorization_digest: request.digest,
    authorization_expires_at: rfc3339(question.authorizationEndsAt),
    authorization_ttl_seconds: request.ttlSeconds,
    approval: describeQuestion(question),
    request: { ...describeRequest(known), audience: request.audience, scope: request.scopes },
  }
}

function describeRefusal(problem: Problem): Pick<AuditData, 'outcome' | 'reason'> & Partial<AuditData> {
  const refusal = {
    outcome: problem.row.outcome,
    reason: problem.reason,
    ...(problem.detail && { detail: problem.detail }),
  }
  if (!(problem instanceof Refused)) return refusal
  const { candidate, refusal: verdict, agent } = problem.judgement
  const policy = describePolicy(candidate.policy, candidate.provider, candidate.rbac)
  const trial = trialVerdict(problem.judgement)
  const why = { ...refusal, ...(trial && { reason: trial }), ...agentNamedBy(agent) }
  return { ...why, policy: { ...policy, ...(verdict && { rule: verdict.rule }) } }
}

function subjectLine({ requester, gathered }: Known): string {
  if (requester === undefined) return 'unknown'
  const namespace = requester.kind === 'customrun' ? requester.reference.namespace : requester.workload.namespace
  const run = gathered === undefined ? undefined : runObject(gathered.facts.run)
  const fallback = requester.kind === 'customrun' ? requester.reference.name : requester.workload.pod.name
  return `${namespace}/${run?.name ?? fallback}`
}
