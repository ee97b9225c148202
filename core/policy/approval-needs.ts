import { type ApprovalFields, approvalFields } from '../crd/approval-fields.ts'
import { parseDuration } from '../duration.ts'
import { agentBlocks } from './agents.ts'
import type { AgentFacts, ApprovalNeed, PolicyFacts, Provider } from './allowance.ts'
import { requirementsFor } from './requirements.ts'

type Input = Pick<PolicyFacts, 'policy' | 'scopes'> & {
  readonly provider: Provider
  readonly agent: AgentFacts | undefined
}

/**
 * Who has to say yes before anything is issued: whom the policy asks, and whom its provider asks under every policy; for
 * an agent whoever may decide, where nobody else is asked and policy or provider say `Always`.
 */
export function approvalNeeds({ policy, provider, scopes, agent }: Input): readonly ApprovalNeed[] {
  const ofPolicy = policy.spec.approval === undefined ? [] : [need(policy.spec.approval, 'policy')]
  const ofProvider = requirementsFor(provider, scopes).flatMap(({ approval }) =>
    approval === undefined ? [] : [need(approval, 'provider')],
  )
  const needs = [...ofPolicy, ...ofProvider]
  if (agent === undefined || needs.length > 0) return needs
  const isAlways = agentBlocks({ policy, provider }).some(({ approval }) => approval === 'Always')
  return isAlways ? [need(approvalFields.parse({}), 'agents')] : []
}

function need({ groups, required, expiresAfter }: ApprovalFields, askedBy: ApprovalNeed['askedBy']): ApprovalNeed {
  // Zero is admitted, and is over at once.
  return { groups, required, expiresAfterSeconds: parseDuration(expiresAfter) ?? 0, askedBy }
}
