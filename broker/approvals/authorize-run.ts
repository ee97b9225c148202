import { createHash } from 'node:crypto'
import { canonicalJson } from '../../core/audit/canonical-json.ts'
import type { Clock } from '../../core/clock.ts'
import type { Allowance } from '../../core/policy/allowance.ts'
import { Problem } from '../../core/problem.ts'

/** Pipeline task that an authorisation goes into, with the ServiceAccount its pod will run as. */
export interface IntoTask {
  readonly task: string
  readonly serviceAccount: string
}

/** A run's permission to get tokens under one policy in some of its tasks, until the run ends. */
export interface Authorization {
  readonly id: string
  /** Hex SHA-256 of what was allowed; what a person approves. Covers neither a pod nor a CustomRun. */
  readonly digest: string
  readonly allowance: Allowance
  readonly into: readonly IntoTask[]
  readonly expiresAt: Date
}

/** Tekton's own default; a run without a deadline of its own is taken to end then. */
const defaultRunSeconds = 24 * 3600

/**
 * @throws Problem `parameter_invalid` for a pod that no run made, which has nothing to authorise
 * @see docs/architecture.md#run-authorisation
 */
export function authorizeRun(
  allowance: Allowance,
  into: readonly IntoTask[],
  { id, clock }: { readonly id: string; readonly clock: Clock },
): Authorization {
  const runUid = allowance.run.pipelineRun?.uid ?? allowance.run.taskRun?.uid
  if (runUid === undefined) {
    throw new Problem('parameter_invalid', { mend: 'Only a run can be authorised: this pod belongs to none' })
  }
  const tasks = [...into].sort((a, b) => (a.task < b.task ? -1 : 1))
  const { subject, policy, provider } = allowance
  const covered = {
    audience: allowance.audience,
    cluster: subject.cluster,
    into: tasks.map(({ task, serviceAccount }) => ({ service_account: serviceAccount, task })),
    namespace: subject.namespace,
    policy_generation: policy.generation,
    policy_uid: policy.uid,
    provider: provider.name,
    run_uid: runUid,
    scope: allowance.scopes,
    ttl_seconds: allowance.ttlSeconds,
  }
  return {
    id,
    digest: createHash('sha256').update(canonicalJson(covered)).digest('hex'),
    allowance,
    into: tasks,
    expiresAt: allowance.run.deadline ?? new Date(clock().getTime() + defaultRunSeconds * 1000),
  }
}
