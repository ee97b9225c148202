import type { CustomRunReference } from '../core/identity/run.ts'
import type { Workload } from '../core/identity/workload.ts'
import type { ExchangeRequest } from '../core/oauth/exchange-request.ts'
import type { Allowance, Facts } from '../core/policy/allowance.ts'
import type { IntoTask } from './approvals/authorize-run.ts'

/** Which endpoint was asked; every door runs the same decision. */
export type Door = 'token' | 'authorize' | 'explain'

/** One request as it comes in. */
export interface Incoming {
  readonly door: Door
  /** The body, as sent; size-limited. */
  readonly body: string
  readonly peerAddress: string | undefined
}

/** Who asks, proved: a pod for itself, or the controller for a CustomRun. */
export type Requester =
  | { readonly kind: 'pod'; readonly workload: Workload }
  | { readonly kind: 'customrun'; readonly workload: Workload; readonly reference: CustomRunReference }

/** Facts of one request, and the tasks that an authorisation of it would go into. */
export interface Gathered {
  readonly facts: Facts
  readonly into: readonly IntoTask[]
  /** What the controller acts for; absent where a pod asks for itself. */
  readonly delegation?: Delegation
}

/** A CustomRun that was found to be what its PipelineRun says. */
export interface Delegation {
  readonly deliver: 'sidecar' | 'secret' | 'none'
  /** It says dry-run: nothing is to be granted for it. */
  readonly isDryRun: boolean
  /** It succeeded already. */
  readonly isDone: boolean
}

/**
 * What is known of a request so far. It only grows, step by step, so that a record of a failure says as much as was
 * known when it happened.
 */
export interface Known {
  readonly exchangeId: string
  readonly startedAt: Date
  readonly incoming: Incoming
  request?: ExchangeRequest
  requester?: Requester
  /** The controller, proved, where it acts for a CustomRun. */
  actor?: { readonly isPodAddress: boolean | undefined }
  gathered?: Gathered
  allowance?: Allowance
}
