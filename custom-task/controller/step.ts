import type { AuthorizeRequest, RunReference } from './broker.ts'
import type { HeldSecret } from './secrets/held-secret.ts'
import type { ToMake, ToRemove, ToRenew } from './secrets/secret-tasks.ts'

/** Reasons of the condition `Succeeded`; contract: The custom task. */
export type Reason =
  | 'Authorized'
  | 'Exchanging'
  | 'AwaitingApproval'
  | 'BrokerUnavailable'
  | 'Retrying'
  | 'Denied'
  | 'InvalidParams'
  | 'ApprovalRejected'
  | 'ApprovalExpired'
  | 'ProviderFailed'
  | 'SpecChanged'
  | 'CustomRunCancelled'
  | 'CustomRunTimedOut'

export interface SucceededCondition {
  readonly type: 'Succeeded'
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: Reason
  readonly message: string
  readonly lastTransitionTime: string
}

/** Merge patch of `status`: null takes a field away, an absent one is left alone, lists are replaced. */
export interface StatusPatch {
  readonly observedGeneration: number
  readonly startTime: string | null
  readonly completionTime: string | null
  readonly conditions: readonly [SucceededCondition]
  readonly results?: readonly { readonly name: string; readonly value: string }[] | null
  readonly retriesStatus?: readonly object[]
  readonly extraFields: { readonly specHash: string; readonly secrets?: readonly HeldSecret[] }
}

/** About the Secrets of a CustomRun; after each of them another plan is made. */
export type SecretStep =
  /** Notes a new name for each policy in the status, before anything is made. */
  | { readonly kind: 'reserve-secrets'; readonly policies: readonly (string | undefined)[] }
  | ({ readonly kind: 'make-secrets' } & ToMake)
  | ({ readonly kind: 'renew-secret' } & ToRenew)
  | ({ readonly kind: 'delete-secrets' } & ToRemove)
  | { readonly kind: 'note-secrets'; readonly secrets: readonly HeldSecret[] }

/** What apply does, in order. */
export type Step =
  | SecretStep
  /** Puts our finalizer on the CustomRun: it names a Secret, and stays until that is gone. */
  | { readonly kind: 'hold' }
  /** Takes the finalizer off. */
  | { readonly kind: 'release' }
  /** Asks the broker; the announcement is written when it takes its time. */
  | {
      readonly kind: 'authorize'
      readonly requests: readonly AuthorizeRequest[]
      readonly announcement: StatusPatch | undefined
    }
  | { readonly kind: 'patch-status'; readonly status: StatusPatch }
  | {
      readonly kind: 'emit-event'
      readonly type: 'Normal' | 'Warning'
      readonly reason: Reason | 'RunEndUntold'
      readonly message: string
      /** Told of the run too, for those who look at nothing else. */
      readonly run?: RunReference
    }
  | { readonly kind: 'end-run'; readonly run: RunReference }
  | { readonly kind: 'requeue'; readonly afterMs: number }
