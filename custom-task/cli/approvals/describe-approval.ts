import { z } from 'zod'
import { type TokenApprovalSpec, tokenApprovalSpec } from '../../../core/crd/token-approval.ts'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import { describeRequirements } from '../../../core/policy/approval-decisions.ts'

/** A TokenApproval as it is shown to people. */
export interface ShownApproval {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly spec: TokenApprovalSpec
  /** `Pending`, `Approved`, `Rejected`, `Expired`, `Closed`, `NotCounted`; empty before the broker looked. */
  readonly state: string
  readonly message: string
}

const status = z.object({
  conditions: z.array(z.object({ type: z.string(), reason: z.string(), message: z.string() })).optional(),
})

/** @returns undefined for an object of a later version that cannot be read */
export function readApproval({ metadata, spec, status: written }: KubeObject): ShownApproval | undefined {
  const parsed = tokenApprovalSpec.safeParse(spec)
  if (!parsed.success) return undefined
  const conditions = status.safeParse(written ?? {}).data?.conditions ?? []
  const decided = conditions.find(({ type }) => type === 'Decided')
  const { namespace = '', name, uid } = metadata
  return { namespace, name, uid, spec: parsed.data, state: decided?.reason ?? '', message: decided?.message ?? '' }
}

/** What is decided about, a line for each fact, before anybody says yes to it. */
export function factsOf({ spec }: ShownApproval): readonly (readonly [string, string])[] {
  const { request, requirements, decisions, expiresAt } = spec
  const into = request.into.map(({ task, serviceAccount }) => `${task} (as ${serviceAccount})`).join(', ')
  return [
    ['Run', `${request.run.kind} ${request.run.name}`],
    ['Started by', request.initiator?.username ?? 'nobody knows'],
    ['Policy', `${request.policy.kind} ${request.policy.name}, generation ${request.policy.generation}`],
    ['Provider', request.provider],
    ['Audience', request.audience],
    ['Scopes', request.scopes.join(' ')],
    ['Token lives', `${request.ttlSeconds} s at most`],
    ['Goes into', into || 'no task: a gate'],
    ['Asked', describeRequirements(requirements)],
    ['Said so far', decisions.map(({ by, verdict }) => `${verdict} by ${by}`).join(', ') || 'nothing'],
    ['Until', expiresAt],
  ]
}
