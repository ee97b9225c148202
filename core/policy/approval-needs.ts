import type { ApprovalFields } from '../crd/approval-fields.ts'
import { parseDuration } from '../duration.ts'
import type { ApprovalNeed, PolicyFacts, Provider } from './allowance.ts'
import { requirementsFor } from './requirements.ts'

type Input = Pick<PolicyFacts, 'policy' | 'scopes'> & { readonly provider: Provider }

/** Who has to say yes before anything is issued: whom the policy asks, and whom its provider asks under every policy. */
export function approvalNeeds({ policy, provider, scopes }: Input): readonly ApprovalNeed[] {
  const ofPolicy = policy.spec.approval === undefined ? [] : [need(policy.spec.approval, 'policy')]
  const ofProvider = requirementsFor(provider, scopes).flatMap(({ approval }) =>
    approval === undefined ? [] : [need(approval, 'provider')],
  )
  return [...ofPolicy, ...ofProvider]
}

function need({ groups, required, expiresAfter }: ApprovalFields, askedBy: ApprovalNeed['askedBy']): ApprovalNeed {
  // Zero is admitted, and is over at once.
  return { groups, required, expiresAfterSeconds: parseDuration(expiresAfter) ?? 0, askedBy }
}
