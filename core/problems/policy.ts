import type { ProblemRow } from './row.ts'

const target = {
  oauth: 'invalid_target',
  status: 400,
  outcome: 'denied',
  mend: 'No ready policy of this namespace has this name or allows this audience: compare the request with kubectl get tokenpolicies',
} as const satisfies ProblemRow

/** What RBAC, policy and provider refuse. */
export const policyProblems = {
  policy_unknown: target,
  audience_not_allowed: target,
  provider_unknown: target,
  provider_namespace: target,
  policy_not_ready: {
    oauth: 'invalid_target',
    status: 400,
    outcome: 'denied',
    mend: 'The policy is not ready: its condition Ready says what to mend, see kubectl describe tokenpolicy',
  },
  policy_suspended: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy or its provider is suspended: ask the platform team',
  },
  policy_dry_run: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy is in mode DryRun and grants nothing: set mode to Enforce',
  },
  run_assurance_too_low: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy asks for a run of a higher assurance than this one has: see the guide on provenance for what makes a run verified',
  },
  run_source_not_allowed: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy asks for a pipeline and a task from a source that it names: run them from there by a resolver',
  },
  run_pipeline_not_allowed: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy names other Pipelines: run one of them',
  },
  run_event_not_allowed: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy asks for a run that was started by a verified event through an EventListener that it names',
  },
  pod_template_not_allowed: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy does not allow a podTemplate: take it out of the run and its taskRunSpecs',
  },
  validation_failed: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'A validation of the policy refuses this',
  },
  validation_error: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'A validation of the policy cannot be evaluated for this request, and so it refuses',
  },
  ttl_not_enforceable: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The provider cannot issue as short as the policy asks: raise ttl or set allowLongerUpstream',
  },
  policy_unsupported: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy uses a condition that this broker cannot judge yet, so it grants nothing',
  },
  scope_not_allowed: {
    oauth: 'invalid_scope',
    status: 400,
    outcome: 'denied',
    mend: 'The policy does not allow a scope of this request: ask for a scope that it lists',
  },
  service_account_not_allowed: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The policy names other ServiceAccounts: run the task with one of them, or add this one to the policy',
  },
  secret_delivery_not_allowed: {
    oauth: 'access_denied',
    status: 400,
    outcome: 'denied',
    mend: 'The provider of the policy does not let tokens be put into Secrets: use deliver: sidecar, or ask the platform team for limits.secretDelivery',
  },
  rbac_denied: {
    oauth: 'invalid_scope',
    status: 400,
    outcome: 'denied',
    mend: 'The ServiceAccount may not exchange a scope of this request: grant verb exchange on the tokenscopes by a Role and RoleBinding',
  },
} as const satisfies Readonly<Record<string, ProblemRow>>
