import { cancelledSpecStatus, isMistaken, mistakeOf } from '../../core/tekton/custom-run.ts'
import { resolveInto } from '../../core/tekton/into.ts'
import { sameSpec } from '../../core/tekton/pinning.ts'
import { pipelineTaskOfChild } from '../../core/tekton/pipeline-run.ts'
import { revokedBy } from '../../core/tekton/revocation.ts'
import { parseTokenExchangeParams } from '../../core/tekton/token-exchange-params.ts'
import { attemptDeadline, attemptStart, nextAttemptAt } from './attempt-time.ts'
import { judgeAnswers } from './judge-answers.ts'
import { hasRunEnded, type Observed } from './observed.ts'
import { paramsOf, requestsOf } from './requests.ts'
import { failed, type Verdict } from './verdict.ts'

type Check = (observed: Observed, now: Date) => Verdict | undefined

/** In this order; the first that has something to say decides. When none does the broker is asked. */
const checks: readonly Check[] = [
  isCancelled,
  isRunOver,
  isAnotherKind,
  isSpecChanged,
  isBetweenAttempts,
  isTimedOut,
  hasInvalidParams,
  standsAlone,
  isSecretOff,
  isUnknownToRun,
  differsFromPipeline,
  hasInvalidInto,
  judgeAnswers,
]

/**
 * Tekton writes the children of a run some 20 ms after it made them, or once its controller is back from a restart.
 * A CustomRun that somebody else planted is never among them.
 */
const unknownChildMs = 10 * 60_000
const unknownChildPollMs = 5000

const revoked =
  'A person withdrew what this run was given: see its annotation tokenbroker.dev/revoked-by, start a new run'

/** What is to become of a CustomRun that is neither done nor being deleted. Pure. */
export function judge(observed: Observed, now: Date): Verdict {
  for (const check of checks) {
    const verdict = check(observed, now)
    if (verdict !== undefined) return verdict
  }
  return { kind: 'ask', requests: requestsOf(observed) }
}

function isCancelled({ customRun }: Observed): Verdict | undefined {
  if (customRun.spec.status !== cancelledSpecStatus) return undefined
  const { statusMessage } = customRun.spec
  return failed('CustomRunCancelled', statusMessage || 'The CustomRun was cancelled: start a new run')
}

function isRunOver({ owner }: Observed): Verdict | undefined {
  if (!hasRunEnded(owner)) return undefined
  if (owner.kind === 'present' && revokedBy(owner.pipelineRun.metadata) !== undefined) return failed('Denied', revoked)
  return failed('CustomRunCancelled', 'The PipelineRun has ended, so nothing is exchanged for it: start a new run')
}

function isAnotherKind({ customRun }: Observed): Verdict | undefined {
  return isMistaken(customRun) ? failed('InvalidParams', mistakeOf(customRun)) : undefined
}

function isSpecChanged({ customRun, specHash }: Observed): Verdict | undefined {
  const pinned = customRun.status.extraFields?.['specHash']
  return pinned === undefined || pinned === specHash ? undefined : failed('SpecChanged', changedMessage('its spec'))
}

function isBetweenAttempts(observed: Observed, now: Date): Verdict | undefined {
  const until = nextAttemptAt(observed)
  if (until === undefined || until <= now) return undefined
  return { kind: 'wait', reason: 'Retrying', message: 'Another attempt follows', until, isQuiet: false }
}

function isTimedOut(observed: Observed, now: Date): Verdict | undefined {
  const deadline = attemptDeadline(observed)
  if (deadline === undefined || now < deadline) return undefined
  const was = observed.customRun.status.conditions.find((one) => one.type === 'Succeeded')?.message
  const message = 'No decision came within the timeout of the task: raise its timeout, or see why it took so long'
  return failed('CustomRunTimedOut', was ? `${message} (last: ${was})` : message, true)
}

function hasInvalidParams({ customRun }: Observed): Verdict | undefined {
  const params = parseTokenExchangeParams(customRun)
  return params.ok ? undefined : failed('InvalidParams', sentence(params.problems))
}

function standsAlone({ owner }: Observed): Verdict | undefined {
  if (owner.kind !== 'none') return undefined
  return failed('InvalidParams', 'No task runs behind a CustomRun that stands alone: make it a task of a Pipeline')
}

function isSecretOff(observed: Observed): Verdict | undefined {
  if (observed.secretDelivery || paramsOf(observed).deliver !== 'secret') return undefined
  const message = 'This installation puts no tokens into Secrets: use deliver: sidecar, or ask the platform team for it'
  return failed('Denied', message)
}

function isUnknownToRun(observed: Observed, now: Date): Verdict | undefined {
  if (taskOf(observed) !== undefined) return undefined
  if (now.getTime() - attemptStart(observed).getTime() >= unknownChildMs) {
    return failed('SpecChanged', changedMessage('that it exists'))
  }
  const message = 'Waiting for the PipelineRun to name this CustomRun as its child'
  const until = new Date(now.getTime() + unknownChildPollMs)
  return { kind: 'wait', reason: 'Exchanging', message, until, isQuiet: true }
}

function differsFromPipeline({ customRun, owner }: Observed): Verdict | undefined {
  if (owner.kind !== 'present') return undefined
  const differences = sameSpec(customRun, owner.pipelineRun)
  return differences.length === 0 ? undefined : failed('SpecChanged', changedMessage(differences.join(', ')))
}

function hasInvalidInto(observed: Observed): Verdict | undefined {
  const { owner } = observed
  const task = taskOf(observed)
  const spec = owner.kind === 'present' ? owner.pipelineRun.status.pipelineSpec : undefined
  if (task === undefined || spec === undefined) return undefined
  const into = resolveInto(spec, task, paramsOf(observed))
  return into.ok ? undefined : failed('InvalidParams', sentence(into.problems))
}

function taskOf({ customRun, owner }: Observed): string | undefined {
  if (owner.kind !== 'present' || owner.pipelineRun.status.pipelineSpec === undefined) return undefined
  return pipelineTaskOfChild(owner.pipelineRun, { kind: 'CustomRun', name: customRun.metadata.name })
}

function changedMessage(what: string): string {
  return `The CustomRun is not what its PipelineRun says (${what}): run the pipeline again and leave its CustomRun unedited`
}

function sentence(problems: readonly string[]): string {
  const text = problems.join('; ')
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}
