import type { Logger } from 'pino'
import type { Clock } from '../core/clock.ts'
import type { Outcome } from './answer.ts'
import type { Known } from './known.ts'
import type { BrokerMetrics } from './metrics.ts'

interface Deps {
  readonly log: Logger
  readonly metrics: BrokerMetrics
  readonly clock: Clock
}

export type Observe = (known: Known, outcome: Outcome) => void

/** One log line and one metric for each decided request. The line is a convenience: the audit stream is the record. */
export function createObserve({ log, metrics, clock }: Deps): Observe {
  return function observe(known, outcome) {
    const durationMs = clock().getTime() - known.startedAt.getTime()
    metrics.exchange(known, outcome, durationMs / 1000)
    const fields = { ...describe(known), duration_ms: durationMs }
    if (outcome.kind !== 'refused') {
      log.info({ outcome: outcome.kind, ...fields }, 'exchange decided')
      return
    }
    const { problem } = outcome
    const refusal = { outcome: problem.row.outcome, reason: problem.reason, detail: problem.detail, ...fields }
    // What is down may come back and is then asked again; a bug or an unusable provider needs somebody.
    if (problem.row.oauth === 'server_error') log.error({ ...refusal, err: problem }, 'exchange failed')
    else if (problem.row.outcome === 'failed') log.warn({ ...refusal, err: problem }, 'exchange failed')
    // Anybody can send a broken request: at debug, so that the log cannot be flooded from outside.
    else if (known.requester === undefined) log.debug(refusal, 'exchange refused')
    else log.info(refusal, 'exchange decided')
  }
}

function describe({ exchangeId, incoming, requester, gathered, allowance, request }: Known) {
  const workload = requester?.workload
  const run = gathered?.facts.run
  return {
    exchange_id: exchangeId,
    door: incoming.door,
    namespace: requester?.kind === 'customrun' ? requester.reference.namespace : workload?.namespace,
    service_account: workload?.serviceAccount.name,
    pod: workload?.pod.name,
    pipeline_run: run?.pipelineRun?.name,
    task_run: run?.taskRun?.name,
    policy: allowance?.policy.name ?? request?.policy,
    provider: allowance?.provider.name,
    audience: allowance?.audience ?? request?.audience,
    scope: allowance?.scopes.join(' '),
  }
}
