import type { CustomRun } from '../../core/tekton/custom-run.ts'
import { hasPipelineRunEnded, type PipelineRun } from '../../core/tekton/pipeline-run.ts'
import type { Answer, RunReference } from './broker.ts'
import type { MadeSecret } from './secrets/held-secret.ts'

/** The PipelineRun that a CustomRun was made for. */
export type Owner =
  /** The CustomRun stands alone, for example made by a TriggerTemplate. */
  | { readonly kind: 'none' }
  /** Deleted, or another PipelineRun has the name by now. */
  | { readonly kind: 'gone'; readonly run: RunReference }
  | { readonly kind: 'present'; readonly run: RunReference; readonly pipelineRun: PipelineRun }

/** What this process remembers of the current attempt; lost at a restart, and nothing depends on it then. */
export interface Attempt {
  readonly firstSeenAt: Date
  /** The broker's answers, one for each request, until the status says what came of them. */
  readonly answers: readonly Answer[] | undefined
  /** Not to be asked again before; meaningful with answers that leave it open. */
  readonly nextAskAt: Date | undefined
  /** The Secrets that were made, until the status says so. */
  readonly delivered: readonly MadeSecret[] | undefined
}

/** All that {@link plan} rests on. */
export interface Observed {
  readonly customRun: CustomRun
  /** Of the spec without what Tekton may change while the run goes on. */
  readonly specHash: string
  readonly owner: Owner
  readonly attempt: Attempt
  /** Whether this installation lets tokens be put into Secrets at all. */
  readonly secretDelivery: boolean
  /** Whether tasks that mount the Secret are to come or go on; looked up only when a renewal is due. */
  readonly areConsumersRunning: boolean
}

/** A CustomRun that stands alone has no run that could end. */
export function hasRunEnded(owner: Owner): boolean {
  if (owner.kind === 'none') return false
  return owner.kind === 'gone' || hasPipelineRunEnded(owner.pipelineRun)
}
