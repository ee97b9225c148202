import type { TokenApprovalSpec } from '../crd/token-approval.ts'
import type { Initiator } from '../identity/run.ts'
import type { ApprovalNeed } from './allowance.ts'

export type ApprovalRequirement = TokenApprovalSpec['requirements'][number]

/**
 * What people are asked, from all that asks for them: one entry for each set of groups, and the greater number counts.
 * Whoever started a run may not decide about it; where it is not proved that a person did, two people have to say yes,
 * so that nobody decides alone about what is their own.
 */
export function requirementsOf(
  needs: readonly ApprovalNeed[],
  initiator: Initiator | undefined,
): readonly ApprovalRequirement[] {
  const least = isProvedPerson(initiator) ? 1 : 2
  const found = new Map<string, ApprovalRequirement>()
  for (const { groups = [], required } of needs) {
    const sorted = [...new Set(groups)].sort()
    const key = JSON.stringify(sorted)
    const most = Math.max(least, required, found.get(key)?.required ?? 0)
    found.set(key, { ...(sorted.length > 0 && { groups: sorted }), required: most })
  }
  // Sorted, so that the same question has the same name, whichever policy or limit was looked at first.
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, requirement]) => requirement)
}

/** The question stands as long as the most impatient of those who ask for it says, in seconds. */
export function expiresAfterSeconds(needs: readonly ApprovalNeed[]): number {
  return Math.min(...needs.map((need) => need.expiresAfterSeconds))
}

function isProvedPerson(initiator: Initiator | undefined): boolean {
  return initiator?.isProved === true && initiator.kind !== 'serviceaccount'
}
