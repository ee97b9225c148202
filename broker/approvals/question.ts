import { createHash } from 'node:crypto'
import { canonicalJson } from '../../core/audit/canonical-json.ts'
import { rfc3339 } from '../../core/clock.ts'
import { apiGroupVersion } from '../../core/crd/kind.ts'
import { type TokenApprovalSpec, tokenApproval } from '../../core/crd/token-approval.ts'
import { runKey } from '../../core/identity/run.ts'
import type { Allowance } from '../../core/policy/allowance.ts'
import {
  type ApprovalRequirement,
  expiresAfterSeconds,
  requirementsOf,
} from '../../core/policy/approval-requirements.ts'
import { authorizationDigest, type IntoTask, requiredRun, sortedTasks } from './authorize-run.ts'

/** What people are asked about one run authorisation. */
export interface Question {
  /** Of the TokenApproval; made from what is asked, so that the same question is one object. */
  readonly name: string
  readonly cluster: string
  readonly namespace: string
  /** `runKey` of the run. */
  readonly run: string
  readonly spec: TokenApprovalSpec
  /** Until then an answer is remembered: the deadline of the run, or as long as any run without one may go on. */
  readonly authorizationEndsAt: Date
}

/** What was rejected or ran out must not be asked again because a run takes long; its end forgets it. */
const rememberedMs = 30 * 24 * 3600 * 1000

/** @throws Problem `parameter_invalid` for a pod that no run made */
export function questionOf(allowance: Allowance, into: readonly IntoTask[], now: Date): Question {
  const { subject, policy, run, approvals } = allowance
  const object = requiredRun(allowance)
  const requirements = requirementsOf(approvals, run.initiator)
  const digest = authorizationDigest(allowance, into)
  const { initiator } = run
  return {
    name: approvalName(policy.name, digest, requirements),
    cluster: subject.cluster,
    namespace: subject.namespace,
    run: runKey(subject, object),
    authorizationEndsAt: run.deadline ?? new Date(now.getTime() + rememberedMs),
    spec: {
      request: {
        digest,
        run: object,
        ...(initiator && { initiator: { username: initiator.username, ...(initiator.uid && { uid: initiator.uid }) } }),
        policy: { kind: policy.kind, name: policy.name, uid: policy.uid, generation: policy.generation },
        provider: allowance.provider.name,
        audience: allowance.audience,
        scopes: [...allowance.scopes],
        ttlSeconds: allowance.ttlSeconds,
        into: sortedTasks(into).map(({ task, serviceAccount }) => ({ task, serviceAccount })),
      },
      requirements: [...requirements],
      expiresAt: rfc3339(new Date(now.getTime() + expiresAfterSeconds(approvals) * 1000)),
      decisions: [],
    },
  }
}

/** Who has to say yes is part of the name: where that changes, what was said before answers another question. */
export function approvalName(policyName: string, digest: string, requirements: readonly ApprovalRequirement[]): string {
  const asked = canonicalJson({ digest, requirements })
  const id = createHash('sha256').update(asked).digest('hex').slice(0, 20)
  // A name of a policy may end where it is cut in what no name ends with.
  return `${policyName.slice(0, 40).replace(/[^a-z0-9]+$/, '')}-${id}`
}

/** The object of a question. It goes with the object of its run. */
export function approvalObject({ name, namespace, spec }: Question): object {
  const { kind, name: runName, uid } = spec.request.run
  return {
    apiVersion: apiGroupVersion,
    kind: tokenApproval.kind,
    metadata: {
      name,
      namespace,
      ownerReferences: [{ apiVersion: 'tekton.dev/v1', kind, name: runName, uid }],
    },
    spec,
  }
}
