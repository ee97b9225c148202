import { hasRunEnded, type Observed } from './observed.ts'
import type { Step } from './step.ts'

/**
 * On every CustomRun that brings a Secret, until the Secret is gone and the broker knows that its run ended. The CustomRun
 * names the Secret, and must not be deleted before it; ends of all other runs are told by the broker's own list.
 */
export const runEndFinalizer = 'tokenbroker.dev/run-end'

/**
 * No token of any provider outlives this by much, so a broker that cannot be told for so long (it may be gone for good)
 * must not keep a namespace from being deleted.
 */
const giveUpMs = 60 * 60_000

/**
 * The duty that remains when a CustomRun that we hold is done or being deleted: tell the broker when the run ends, once.
 * A deleted CustomRun is held as long as its run goes on, since what the run was given is still in use.
 */
export function planEnd(observed: Observed, now: Date): readonly Step[] {
  const { owner } = observed
  if (!isHeld(observed)) return []
  if (owner.kind === 'none') return [{ kind: 'release' }]
  // The PipelineRun's own events bring us back.
  if (!hasRunEnded(owner)) return []

  const endedAt = knownEnd(observed)
  if (endedAt !== undefined && now.getTime() - endedAt.getTime() > giveUpMs) {
    const message = 'The broker could not be told for an hour that the run ended: see the log of the controller'
    return [{ kind: 'emit-event', type: 'Warning', reason: 'RunEndUntold', message }, { kind: 'release' }]
  }
  return [{ kind: 'end-run', run: owner.run }, { kind: 'release' }]
}

export function isHeld({ customRun }: Observed): boolean {
  return customRun.metadata.finalizers.includes(runEndFinalizer)
}

/** The latest moment that is surely not before the end. */
function knownEnd({ customRun, owner }: Observed): Date | undefined {
  const pipelineRun = owner.kind === 'present' ? owner.pipelineRun : undefined
  return (
    pipelineRun?.status.completionTime ??
    pipelineRun?.metadata.deletionTimestamp ??
    customRun.metadata.deletionTimestamp
  )
}
