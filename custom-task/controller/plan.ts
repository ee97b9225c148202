import { isCustomRunDone } from '../../core/tekton/custom-run.ts'
import { succeeded } from '../../core/tekton/fields.ts'
import { parseTokenExchangeParams } from '../../core/tekton/token-exchange-params.ts'
import { attemptDeadline, attemptStart, pauseMs } from './attempt-time.ts'
import { judge } from './judge.ts'
import type { Observed } from './observed.ts'
import { isHeld, planEnd } from './plan-end.ts'
import { planDelivery, planSecrets } from './secrets/plan-secrets.ts'
import { dryRunResults, finished, goingOn, resultsOf, retrying, secretResults } from './status.ts'
import type { StatusPatch, Step } from './step.ts'
import type { Verdict } from './verdict.ts'

/** A decision that comes within this time is the first thing the status says. */
const quietMs = 500

/**
 * What to do about a CustomRun of ours, in order. Pure: every case is a row of a table, and a plan applied to its own
 * outcome asks for nothing but to be called again.
 */
export function plan(observed: Observed, now: Date): readonly Step[] {
  const { customRun } = observed
  if (isCustomRunDone(customRun) || customRun.metadata.deletionTimestamp !== undefined) {
    return [...planSecrets(observed, now), ...planEnd(observed, now)]
  }
  const verdict = judge(observed, now)
  switch (verdict.kind) {
    case 'ask':
      return planAsk(observed, verdict, now)
    case 'wait':
      return planWait(observed, verdict, now)
    case 'succeed':
      return planSuccess(observed, verdict, now)
    case 'explain':
      return planExplanation(observed, verdict, now)
    case 'fail':
      return planFailure(observed, verdict, now)
  }
}

function planAsk(observed: Observed, { requests }: Extract<Verdict, { kind: 'ask' }>, now: Date): readonly Step[] {
  const message = 'The broker is asked for the run authorisation'
  const announcement = isStarted(observed) ? undefined : goingOn(observed, now, { reason: 'Exchanging', message })
  // Held before or while the broker decides, never after: the Secret that follows must go even if we die now.
  return [...hold(observed), { kind: 'authorize', requests, announcement }]
}

function planWait(observed: Observed, wait: Extract<Verdict, { kind: 'wait' }>, now: Date): readonly Step[] {
  const speaksAt = new Date(attemptStart(observed).getTime() + (wait.isQuiet ? quietMs : 0))
  const isSaid = succeeded(observed.customRun.status.conditions)?.reason === wait.reason
  const wakes = [wait.until, attemptDeadline(observed)]
  if (isSaid) return [requeue(wakes, now)]
  // Nobody has been asked yet; the time until then is well used, as the finalizer must be on before.
  if (speaksAt > now) return [...hold(observed), requeue([...wakes, speaksAt], now)]
  const { reason, message } = wait
  return [
    { kind: 'patch-status', status: goingOn(observed, now, { reason, message }) },
    { kind: 'emit-event', type: reason === 'BrokerUnavailable' ? 'Warning' : 'Normal', reason, message },
    requeue(wakes, now),
  ]
}

function planSuccess(
  observed: Observed,
  { answers }: Extract<Verdict, { kind: 'succeed' }>,
  now: Date,
): readonly Step[] {
  const delivery = planDelivery(observed)
  if (delivery.kind === 'due') return [...hold(observed), ...delivery.steps]
  const ids = answers.flatMap((one) => one.exchangeId ?? [])
  const what = answers.map((one) => `${one.scope.join(' ')} at ${one.audience ?? 'its audience'}`).join(', ')
  const exchange = ids.length === 0 ? '' : ` (exchange ${ids.join(', ')})`
  const said = { status: 'True', reason: 'Authorized' } as const
  if (delivery.kind === 'made') {
    const { secrets } = delivery
    const results = [...resultsOf(answers), ...secretResults(secrets)]
    const names = secrets.map(({ name }) => name).join(', ')
    const message = `A token for ${what} is in Secret ${names} until the run ends${exchange}`
    return saying(finished(observed, now, { ...said, message, results, secrets }), 'Normal')
  }
  const message = `The run may get ${what} in the tasks behind until it ends${exchange}`
  const status = finished(observed, now, { ...said, message, results: resultsOf(answers) })
  return saying(status, 'Normal')
}

/** A dry run is done when it has its answer, whatever that is: a pipeline may look at result `decision`. */
function planExplanation(
  observed: Observed,
  { answers }: Extract<Verdict, { kind: 'explain' }>,
  now: Date,
): readonly Step[] {
  const said = answers.map(({ decision, policy, description, exchangeId }) =>
    [decision, policy && `by ${policy}`, description && `(${description})`, exchangeId && `[exchange ${exchangeId}]`]
      .filter(Boolean)
      .join(' '),
  )
  const message = `Dry run, nothing is granted: ${said.join(', ')}`
  const results = dryRunResults(answers)
  return saying(finished(observed, now, { status: 'True', reason: 'Authorized', message, results }), 'Normal')
}

function planFailure(observed: Observed, failure: Extract<Verdict, { kind: 'fail' }>, now: Date): readonly Step[] {
  const { reason, message, isRetriable } = failure
  const { spec, status } = observed.customRun
  const attempts = status.retriesStatus.length
  if (isRetriable && attempts < (spec.retries ?? 0)) {
    const afterMs = pauseMs(attempts + 1)
    return [...saying(retrying(observed, now, { reason, message }), 'Warning'), { kind: 'requeue', afterMs }]
  }
  const type = reason === 'CustomRunCancelled' ? 'Normal' : 'Warning'
  return [...saying(finished(observed, now, { status: 'False', reason, message }), type), ...tellRun(observed, failure)]
}

/** What the broker decided is the news of the whole run, which fails for it; all else is about the CustomRun itself. */
const decided: readonly string[] = ['Denied', 'ApprovalRejected', 'ApprovalExpired', 'ProviderFailed']

function tellRun({ customRun, owner }: Observed, failure: Extract<Verdict, { kind: 'fail' }>): readonly Step[] {
  if (owner.kind !== 'present' || !decided.includes(failure.reason)) return []
  const message = `CustomRun ${customRun.metadata.name}: ${failure.message}`
  return [{ kind: 'emit-event', type: 'Warning', reason: failure.reason, message, run: owner.run }]
}

function saying(status: StatusPatch, type: 'Normal' | 'Warning'): readonly Step[] {
  const { reason, message } = status.conditions[0]
  return [
    { kind: 'patch-status', status },
    { kind: 'emit-event', type, reason, message },
  ]
}

/** Where a Secret is to come; what the broker itself knows of ends without a note on the CustomRun. */
function hold(observed: Observed): readonly Step[] {
  const params = parseTokenExchangeParams(observed.customRun)
  const bringsSecret = params.ok && params.value.deliver === 'secret'
  return bringsSecret && !isHeld(observed) ? [{ kind: 'hold' }] : []
}

function isStarted({ customRun }: Observed): boolean {
  return customRun.status.startTime !== undefined && succeeded(customRun.status.conditions) !== undefined
}

function requeue(at: readonly (Date | undefined)[], now: Date): Step {
  const times = at.flatMap((one) => (one === undefined ? [] : [one.getTime()]))
  return { kind: 'requeue', afterMs: Math.max(1, Math.min(...times) - now.getTime()) }
}
