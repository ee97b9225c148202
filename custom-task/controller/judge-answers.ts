import type { Authorized } from '../broker-client-answer.ts'
import type { Explained } from '../broker-client-explain.ts'
import type { Answer, Pending, Refused, Unavailable } from './broker.ts'
import type { Observed } from './observed.ts'
import { failed, type Verdict } from './verdict.ts'

/**
 * What the broker's answers come to: one refusal refuses all, one that is open leaves all open.
 *
 * @returns undefined when the broker is to be asked (again)
 */
export function judgeAnswers(observed: Observed, now: Date): Verdict | undefined {
  const { answers, nextAskAt } = observed.attempt
  if (answers === undefined) return undefined

  const refused = answers.find((one) => one.kind === 'refused')
  if (refused) return refusal(refused)
  const broken = answers.find(isProviderFailure)
  if (broken) return failed('ProviderFailed', withExchangeId(broken), true)

  const open = answers.find((one) => one.kind === 'unavailable') ?? answers.find((one) => one.kind === 'pending')
  if (open) return nextAskAt !== undefined && nextAskAt > now ? waiting(open, nextAskAt) : undefined
  const explained = answers.filter((one): one is Explained => one.kind === 'explained')
  if (explained.length > 0) return { kind: 'explain', answers: explained }
  return { kind: 'succeed', answers: answers.filter((one): one is Authorized => one.kind === 'authorized') }
}

/** The broker's sentence, with the key into the audit stream. */
function withExchangeId({ description, exchangeId }: Refused | Unavailable | Pending): string {
  return exchangeId === undefined ? description : `${description} (exchange ${exchangeId})`
}

function refusal(refused: Refused): Verdict {
  const message = withExchangeId(refused)
  // What people said, or did not in time, holds for the run: another attempt would hear the same.
  if (refused.error === 'expired_token') return failed('ApprovalExpired', message)
  if (refused.approval !== undefined && refused.error === 'access_denied') return failed('ApprovalRejected', message)
  return failed('Denied', message, true)
}

/** A 502 of the broker itself (a proxy's has no exchange id): it decided, and the provider let it down. */
function isProviderFailure(answer: Answer): answer is Unavailable {
  return answer.kind === 'unavailable' && answer.status === 502 && answer.exchangeId !== undefined
}

function waiting(open: Pending | Unavailable, until: Date): Verdict {
  if (open.kind === 'unavailable') {
    return { kind: 'wait', reason: 'BrokerUnavailable', message: withExchangeId(open), until, isQuiet: false }
  }
  // The broker's sentence says who may approve, and how.
  return { kind: 'wait', reason: 'AwaitingApproval', message: withExchangeId(open), until, isQuiet: false }
}
