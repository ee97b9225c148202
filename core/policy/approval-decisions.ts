import type { TokenApprovalSpec } from '../crd/token-approval.ts'
import type { ApprovalRequirement } from './approval-requirements.ts'

type Decision = TokenApprovalSpec['decisions'][number]

/** What the decisions of a TokenApproval come to. */
export type ApprovalState =
  | { readonly kind: 'approved'; readonly by: readonly string[] }
  | { readonly kind: 'rejected'; readonly by: string }
  /** How many more people, and of which groups, each requirement wants; those that are met are left out. */
  | { readonly kind: 'open'; readonly missing: readonly ApprovalRequirement[] }

/**
 * Counts decisions, whatever the object's status says: different people for each requirement, and one rejection ends it.
 * Admission holds each entry against who writes it; what can be seen in the entry itself is looked at once more.
 */
export function judgeDecisions(spec: Pick<TokenApprovalSpec, 'request' | 'requirements' | 'decisions'>): ApprovalState {
  const { requirements } = spec
  const decisions = spec.decisions.filter(({ by }) => isPerson(by) && by !== spec.request.initiator?.username)
  const rejection = decisions.find(({ verdict }) => verdict === 'Rejected')
  if (rejection !== undefined) return { kind: 'rejected', by: rejection.by }
  const missing = requirements.flatMap((requirement) => missingOf(requirement, decisions))
  // Nobody asked for: nothing that anybody could have approved.
  if (missing.length > 0 || requirements.length === 0) return { kind: 'open', missing }
  return { kind: 'approved', by: [...new Set(decisions.map(({ by }) => by))].sort() }
}

function missingOf(requirement: ApprovalRequirement, decisions: readonly Decision[]): readonly ApprovalRequirement[] {
  const people = new Set(decisions.filter((one) => countsFor(one, requirement)).map(({ by }) => by))
  const required = requirement.required - people.size
  return required > 0 ? [{ ...requirement, required }] : []
}

/** Without groups of its own, an entry was held against the groups of every requirement. */
function countsFor({ groups }: Decision, requirement: ApprovalRequirement): boolean {
  if (groups === undefined || requirement.groups === undefined) return true
  return requirement.groups.some((group) => groups.includes(group))
}

/** Names that Kubernetes itself gives to what is no person; `system:admin` is whom some distributions give the keys. */
export function isPerson(username: string): boolean {
  return username === 'system:admin' || !username.startsWith('system:')
}

/** `2 people of release-managers and 1 person`, for sentences. */
export function describeRequirements(requirements: readonly ApprovalRequirement[]): string {
  return requirements.map(describe).join(' and ')
}

function describe({ groups = [], required }: ApprovalRequirement): string {
  const people = required === 1 ? '1 person' : `${required} people`
  return groups.length === 0 ? people : `${people} of ${groups.join(' or ')}`
}
