import { rfc3339 } from '../../core/clock.ts'
import { describeRequirements, judgeDecisions } from '../../core/policy/approval-decisions.ts'
import type { ApprovalFate } from '../audit/grant-book.ts'
import type { SeenApproval, ShownCondition } from './seen-approval.ts'

const maxMessageLength = 1024

/** Condition `Decided`, for people and for the controller: what is waited for, or what became of it. */
export function decidedCondition(
  seen: SeenApproval,
  verdict: ApprovalFate['verdict'],
  { isHeld, now }: { readonly isHeld: boolean; readonly now: Date },
): ShownCondition {
  const said = isHeld || verdict !== 'open' ? words[verdict](seen) : notHeld
  const isSame = seen.shown?.status === said.status
  return {
    type: 'Decided',
    ...said,
    message: said.message.slice(0, maxMessageLength),
    lastTransitionTime: (isSame && seen.shown?.lastTransitionTime) || rfc3339(now),
  }
}

type Said = Pick<ShownCondition, 'status' | 'reason' | 'message'>

const notHeld: Said = {
  status: 'Unknown',
  reason: 'NotCounted',
  message:
    'Decisions are not counted: the admission policy that holds them against who makes them is not in place, or changed after this was asked; start a new run once it is',
}

const words: Readonly<Record<ApprovalFate['verdict'], (seen: SeenApproval) => Said>> = {
  open: (seen) => ({ status: 'Unknown', reason: 'Pending', message: waitingFor(seen) }),
  approved: (seen) => ({ status: 'True', reason: 'Approved', message: `Approved by ${peopleOf(seen, 'Approved')}` }),
  rejected: (seen) => ({ status: 'False', reason: 'Rejected', message: `Rejected by ${peopleOf(seen, 'Rejected')}` }),
  expired: () => ({ status: 'False', reason: 'Expired', message: 'Nobody decided in time: start a new run' }),
  closed: () => ({ status: 'False', reason: 'Closed', message: 'The run has ended, so nothing is to be decided' }),
}

/** `Waiting for 1 person of release-managers to approve: tokenbroker approve NAME -n NAMESPACE`. */
export function waitingFor({ name, namespace, spec }: Pick<SeenApproval, 'name' | 'namespace' | 'spec'>): string {
  const state = judgeDecisions(spec)
  const missing = state.kind === 'open' ? state.missing : spec.requirements
  return `Waiting for ${describeRequirements(missing)} to approve: tokenbroker approve ${name} -n ${namespace}`
}

function peopleOf({ spec }: SeenApproval, verdict: 'Approved' | 'Rejected'): string {
  return spec.decisions.flatMap((one) => (one.verdict === verdict ? [one.by] : [])).join(', ')
}
