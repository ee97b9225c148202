import { createHash } from 'node:crypto'
import type { ObjectEvent } from '../../core/io/kube/events.ts'
import { type MissingStatus, type MissingToken, missingSentence } from '../gate-message.ts'
import type { RefusedPod } from './refused-pod.ts'
import type { Reason } from './step.ts'

/** The reasons of the custom task, in the same meaning. */
const reasons = {
  refused: 'Denied',
  pending: 'AwaitingApproval',
  unavailable: 'BrokerUnavailable',
  waiting: 'BrokerUnavailable',
} as const satisfies Record<MissingStatus, Reason>

/** Policies that are told one by one; a pod seldom has so many. */
const maxTold = 3

/**
 * What is told of a pod that was refused its tokens. The words come from a form that was read, and the name from the pod
 * alone: the same pod is told once, whichever process tells it.
 *
 * @param where which TaskRun, for somebody who looks at the PipelineRun
 */
export function refusalEvent({ uid, missing }: RefusedPod, where?: string): ObjectEvent {
  const told = missing.slice(0, maxTold).map((one) => missingSentence(one))
  const more = missing.length > maxTold ? `; and ${missing.length - maxTold} more` : ''
  return {
    type: 'Warning',
    reason: reasonOf(missing),
    message: `${where === undefined ? '' : `TaskRun ${where}: `}${told.join('; ')}${more}`,
    key: createHash('sha256').update(uid).digest('hex').slice(0, 16),
  }
}

function reasonOf(missing: readonly MissingToken[]): Reason {
  const statuses = new Set(missing.map(({ status }) => status))
  const found = (['refused', 'pending', 'unavailable'] as const).find((status) => statuses.has(status))
  return reasons[found ?? 'waiting']
}
