import type { Authorized } from '../broker-client-answer.ts'
import type { Explained } from '../broker-client-explain.ts'
import type { AuthorizeRequest } from './broker.ts'
import type { Reason } from './step.ts'

type FailureReason = Extract<
  Reason,
  | 'Denied'
  | 'InvalidParams'
  | 'ApprovalRejected'
  | 'ApprovalExpired'
  | 'ProviderFailed'
  | 'SpecChanged'
  | 'CustomRunCancelled'
  | 'CustomRunTimedOut'
>

/** What is to become of a CustomRun that is not done. */
export type Verdict =
  | { readonly kind: 'succeed'; readonly answers: readonly Authorized[] }
  /** It was a dry run: the answers are the result. */
  | { readonly kind: 'explain'; readonly answers: readonly Explained[] }
  /** `isRetriable`: another attempt may go better, so the CustomRun's `retries` count. */
  | {
      readonly kind: 'fail'
      readonly reason: FailureReason
      readonly message: string
      readonly isRetriable: boolean
    }
  /** `isQuiet`: soon over as a rule, so the status says so only when it is not. */
  | {
      readonly kind: 'wait'
      readonly reason: Extract<Reason, 'Exchanging' | 'AwaitingApproval' | 'BrokerUnavailable' | 'Retrying'>
      readonly message: string
      readonly until: Date
      readonly isQuiet: boolean
    }
  | { readonly kind: 'ask'; readonly requests: readonly AuthorizeRequest[] }

export function failed(reason: FailureReason, message: string, isRetriable = false): Verdict {
  return { kind: 'fail', reason, message, isRetriable }
}
