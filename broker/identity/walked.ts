import type { StampedInitiator } from '../../core/identity/initiator.ts'
import type { Evidence, Run } from '../../core/identity/run.ts'
import type { SourceFinding } from '../../core/tekton/source.ts'

/**
 * What the API server alone says of a run. Admission, the caller's address and the register of events have not been
 * asked yet, so that an answer may be remembered: its assurance is `claimed` at most.
 */
export interface Walked {
  readonly run: Run
  /** Every object of the walk, in its order. */
  readonly objects: readonly WalkedObject[]
  /** Of the pod; empty for a CustomRun, and before the kubelet has written them. */
  readonly addresses: readonly string[]
  /** On the object that is the run. */
  readonly stamp: StampedInitiator | undefined
}

export interface WalkedObject {
  readonly kind: 'Pod' | 'TaskRun' | 'CustomRun' | 'PipelineRun'
  readonly createdAt: Date | undefined
}

/** A walk that found no run, or one that is gone. */
export function walkedNowhere(run: Run, addresses: readonly string[] = []): Walked {
  return { run, objects: [], addresses, stamp: undefined }
}

export function proved(hop: string): Evidence {
  return { hop, verdict: 'proved' }
}

export function claimed(hop: string, detail: string): Evidence {
  return { hop, verdict: 'claimed', detail: detail.slice(0, 256) }
}

/** A hop that compares: paths that differ, or none. */
export function compared(hop: string, differences: readonly string[]): Evidence {
  return differences.length === 0 ? proved(hop) : claimed(hop, `differs in ${differences.join(' ')}`)
}

/** Tekton writes start times by its controller's clock and in whole seconds, the API server creation times by its own. */
const clockSkewMs = 2000

/**
 * Whether each object was made after the one that caused it had started: status lists children by name only, so one
 * that is older than the start was there before Tekton looked.
 */
export function inOrder(
  links: readonly {
    readonly kind: string
    readonly createdAt: Date | undefined
    readonly startedAt: Date | undefined
  }[],
): Evidence {
  const early = links.find(
    ({ createdAt, startedAt }) =>
      createdAt === undefined || startedAt === undefined || createdAt.getTime() + clockSkewMs < startedAt.getTime(),
  )
  return early === undefined
    ? proved('times')
    : claimed('times', `the ${early.kind} is older than the start of its run`)
}

/** Nothing where all is local: that there is no source says it. */
export function sourceEvidence(
  pipeline: SourceFinding | undefined,
  task: SourceFinding | undefined,
): readonly Evidence[] {
  if ([pipeline, task].every((one) => one === undefined || one.kind === 'local')) return []
  return [
    ...(pipeline === undefined ? [] : [describe('source', pipeline)]),
    ...(task === undefined ? [] : [describe('task-source', task)]),
  ]
}

function describe(hop: string, finding: SourceFinding): Evidence {
  return finding.kind === 'found' ? proved(hop) : claimed(hop, finding.why)
}
