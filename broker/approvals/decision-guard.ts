import { z } from 'zod'
import { policySettlingMs } from '../../core/admission/settling.ts'
import { apiGroupVersion } from '../../core/crd/kind.ts'
import { type TokenApprovalSpec, tokenApproval } from '../../core/crd/token-approval.ts'
import { type KubeClient, KubeError, type KubeObject, resources } from '../../core/io/kube/api.ts'
import { kubeProblem } from '../../core/io/kube/refusal.ts'

interface Deps {
  readonly kube: Pick<KubeClient, 'get' | 'wouldCreate'>
  /** Name of the ValidatingAdmissionPolicy and of its binding. */
  readonly policyName: string
}

/**
 * Since when decisions in a namespace are held against who makes them, by every API server: in the future just after a
 * change; undefined where they are not. An entry of an older TokenApproval may have been written by anybody.
 *
 * @throws Problem `kubernetes_unavailable`, `kubernetes_refused`
 */
export type DecisionsHeldSince = (namespace: string, signal: AbortSignal) => Promise<Date | undefined>

const policySpec = z.object({ failurePolicy: z.literal('Fail'), validations: z.array(z.unknown()).min(1) })
const bindingSpec = z.object({
  policyName: z.string(),
  validationActions: z.array(z.string()),
  // A narrower binding leaves somebody out.
  matchResources: z.undefined().optional(),
})

/**
 * Looks whether the admission policy of decisions is in force: it is there and fails closed, its binding denies, and a
 * question that is born answered was refused just now (server-side dry run, so that nothing is written).
 */
export function createDecisionGuard({ kube, policyName }: Deps): DecisionsHeldSince {
  return async function heldSince(namespace, signal) {
    const ref = { name: policyName }
    try {
      const [policy, binding, isRefused] = await Promise.all([
        kube.get(resources.validatingAdmissionPolicies, ref, signal),
        kube.get(resources.validatingAdmissionPolicyBindings, ref, signal),
        isForgeryRefused(namespace, { kube, policyName }, signal),
      ])
      if (policy === undefined || binding === undefined || !isRefused || !isInForce(policy, binding)) return undefined
      return new Date(Math.max(changedAt(policy), changedAt(binding)) + policySettlingMs)
    } catch (cause) {
      throw kubeProblem('admission policy of decisions', cause)
    }
  }
}

function isInForce(policy: KubeObject, { spec }: KubeObject): boolean {
  const bound = bindingSpec.safeParse(spec)
  return (
    policySpec.safeParse(policy.spec).success &&
    bound.success &&
    bound.data.policyName === policy.metadata.name &&
    bound.data.validationActions.includes('Deny')
  )
}

/** The latest write that is not about the status; a server that does not say is taken at its worst. */
function changedAt({ metadata }: KubeObject): number {
  const writes = managedFields.safeParse(metadata).data?.managedFields ?? []
  const times = writes.flatMap(({ time, subresource }) => (subresource === undefined ? [Date.parse(time)] : []))
  const created = Date.parse(metadata.creationTimestamp ?? '')
  const latest = Math.max(created, ...times)
  return Number.isNaN(latest) ? Number.POSITIVE_INFINITY : latest
}

const managedFields = z.object({
  managedFields: z.array(z.object({ time: z.string(), subresource: z.string().optional() })),
})

async function isForgeryRefused(namespace: string, { kube, policyName }: Deps, signal: AbortSignal): Promise<boolean> {
  try {
    await kube.wouldCreate(resources.tokenApprovals, forgery(namespace), signal)
    return false
  } catch (error) {
    // What another policy or the schema refuses proves nothing about ours; neither does RBAC, which is to be mended.
    if (error instanceof KubeError && error.status === 422) return error.deniedBy === policyName
    throw error
  }
}

/** A question that says itself that it was answered. */
function forgery(namespace: string): object {
  const spec: TokenApprovalSpec = {
    request: {
      digest: '0'.repeat(64),
      run: { kind: 'PipelineRun', name: 'canary', uid: 'canary' },
      policy: { kind: 'TokenPolicy', name: 'canary', uid: 'canary', generation: 0 },
      provider: 'canary',
      audience: 'canary',
      scopes: ['canary'],
      ttlSeconds: 1,
      into: [],
    },
    requirements: [{ required: 1 }],
    expiresAt: '1970-01-01T00:00:00Z',
    decisions: [{ by: 'canary', verdict: 'Approved' }],
  }
  return { apiVersion: apiGroupVersion, kind: tokenApproval.kind, metadata: { name: 'canary', namespace }, spec }
}
