import type { TokenApprovalSpec } from '../../../core/crd/token-approval.ts'
import { isPerson } from '../../../core/policy/approval-decisions.ts'
import type { Person } from './person.ts'

export type Decision = TokenApprovalSpec['decisions'][number]

/**
 * The entry of a person: with the groups that count, where not every requirement is about a group of theirs. Admission
 * holds all of it against the person.
 */
export function decisionOf(
  { username, groups }: Person,
  { requirements }: TokenApprovalSpec,
  { verdict, comment }: Pick<Decision, 'verdict' | 'comment'>,
): Decision {
  const entry: Decision = { by: username, verdict, ...(comment !== undefined && { comment }) }
  const isInAll = requirements.every((one) => one.groups?.some((group) => groups.includes(group)) ?? true)
  if (isInAll) return entry
  const asked = new Set(requirements.flatMap((one) => one.groups ?? []))
  return { ...entry, groups: groups.filter((group) => asked.has(group)) }
}

/** Why admission would not let a person decide, with the mend; undefined where RBAC alone can say no. */
export function whyNot({ username, groups }: Person, spec: TokenApprovalSpec): string | undefined {
  if (!isPerson(username) || groups.includes('system:serviceaccounts')) {
    return `Only people decide, and you are ${username}: use a kubeconfig of your own.`
  }
  if (spec.request.initiator?.username === username) {
    return 'You started this run, and nobody decides about their own: ask somebody else.'
  }
  if (spec.decisions.some(({ by }) => by === username)) return 'You have said what you say about this already.'
  const asked = spec.requirements.flatMap((one) => one.groups ?? [])
  const isAnybodyAsked = spec.requirements.some((one) => one.groups === undefined || one.groups.length === 0)
  if (!isAnybodyAsked && !asked.some((group) => groups.includes(group))) {
    return `Those who are asked are in ${[...new Set(asked)].join(' or ')}, and you are not.`
  }
  return undefined
}
