import { createHash } from 'node:crypto'
import { canonicalJson } from '../../core/audit/canonical-json.ts'
import type { Clock } from '../../core/clock.ts'
import { runObject } from '../../core/identity/run.ts'
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
  return {
    id,
    digest: authorizationDigest(allowance, into),
    allowance,
    into: sortedTasks(into),
    expiresAt: endOfAuthorization(allowance, clock()),
  }
}

/**
 * Hex SHA-256 of what is allowed to a run: another run, another generation of the policy, one more scope or task is
 * another authorisation.
 *
 * @throws Problem `parameter_invalid` as {@link authorizeRun}
 */
export function authorizationDigest(allowance: Allowance, into: readonly IntoTask[]): string {
  const { subject, policy, provider } = allowance
  const covered = {
    audience: allowance.audience,
    cluster: subject.cluster,
    into: sortedTasks(into).map(({ task, serviceAccount }) => ({ service_account: serviceAccount, task })),
    namespace: subject.namespace,
    policy_generation: policy.generation,
    policy_uid: policy.uid,
    provider: provider.name,
    run_uid: requiredRun(allowance).uid,
    scope: allowance.scopes,
    service_accounts: [...subject.serviceAccounts].sort(),
    ttl_seconds: allowance.ttlSeconds,
  }
  return createHash('sha256').update(canonicalJson(covered)).digest('hex')
}

/** With the deadline of the run, where it has one. */
function endOfAuthorization({ run }: Allowance, now: Date): Date {
  return run.deadline ?? new Date(now.getTime() + defaultRunSeconds * 1000)
}

/** @throws Problem `parameter_invalid` for a pod that no run made */
export function requiredRun({ run }: Allowance): NonNullable<ReturnType<typeof runObject>> {
  const object = runObject(run)
  if (object !== undefined) return object
  throw new Problem('parameter_invalid', { mend: 'Only a run can be authorised: this pod belongs to none' })
}

export function sortedTasks(into: readonly IntoTask[]): readonly IntoTask[] {
  return [...into].sort((a, b) => (a.task < b.task ? -1 : 1))
}
