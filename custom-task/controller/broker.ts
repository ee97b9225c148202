import type { CustomRunReference } from '../../core/identity/run.ts'
import type { Secret } from '../../core/secret.ts'
import type { Authorized, Granted, LiveRuns, NotGranted } from '../broker-client-answer.ts'
import type { Explained } from '../broker-client-explain.ts'

/** What one `/authorize` asks for a CustomRun; whatever is undefined comes from the policy. */
export interface AuthorizeRequest {
  readonly customRun: CustomRunReference
  readonly policy: string | undefined
  readonly audience: string | undefined
  readonly scope: readonly string[] | undefined
  readonly requestedExpirySeconds: number | undefined
  /** Asks at `/explain`: what would be decided, and nothing granted. */
  readonly isDryRun: boolean
}

/** A person decides; asking again with the same request continues. */
export interface Pending {
  readonly kind: 'pending'
  readonly intervalSeconds: number
  /** Name of the TokenApproval. */
  readonly approval: string | undefined
  readonly description: string
  readonly exchangeId: string | undefined
}

export interface Refused {
  readonly kind: 'refused'
  /** OAuth error code. */
  readonly error: string
  /** The broker's sentence that says the mend. */
  readonly description: string
  /** Name of the TokenApproval, where it is the word of people or nobody said one in time. */
  readonly approval?: string | undefined
  readonly exchangeId: string | undefined
}

/** No decision, or a decision that could not be carried out. */
export interface Unavailable {
  readonly kind: 'unavailable'
  readonly description: string
  /** HTTP status; undefined when nothing answered. */
  readonly status: number | undefined
  readonly retryAfterSeconds: number | undefined
  readonly exchangeId: string | undefined
}

export type Answer = Authorized | Explained | Pending | Refused | Unavailable

/** A run as `/runs/end` names it. */
export interface RunReference {
  readonly namespace: string
  readonly kind: 'PipelineRun' | 'TaskRun'
  readonly name: string
  readonly uid: string
}

export type EndOutcome = { readonly kind: 'done' } | Pending | Refused | Unavailable

/** The broker as the controller sees it. Throws only when `signal` is aborted; what goes wrong is part of the answer. */
export interface Broker {
  authorize(request: AuthorizeRequest, signal: AbortSignal): Promise<Answer>
  explain(request: AuthorizeRequest, signal: AbortSignal): Promise<Answer>
  /** The token that goes into a Secret. */
  exchange(request: AuthorizeRequest, signal: AbortSignal): Promise<Granted | NotGranted>
  revoke(token: Secret, signal: AbortSignal): Promise<unknown>
  /** Withdraws everything that was granted to the run; asking twice is asking once. */
  endRun(run: RunReference, signal: AbortSignal): Promise<EndOutcome>
  /** Runs that hold something; with `after`, `next` of the answer before, those that came since. */
  liveRuns(after: string | undefined, signal: AbortSignal): Promise<LiveRuns | Pending | Refused | Unavailable>
}
