import type { Logger } from 'pino'
import type { Broker, RunReference } from './broker.ts'
import type { Metrics } from './metrics.ts'

interface Deps {
  readonly broker: Pick<Broker, 'endRun'>
  readonly metrics: Pick<Metrics, 'runEnd'>
  readonly log: Logger
}

/** The broker could not be told that a run ended; it is told again. */
export class RunEndUntold extends Error {
  override readonly name = 'RunEndUntold'
}

/**
 * Everything that is done when a run ends; doing it again changes nothing. `goes-on`: the broker read the run, and it
 * has not ended.
 *
 * @throws RunEndUntold when the broker did not take it
 */
export type EndRun = (run: RunReference, signal: AbortSignal) => Promise<'ended' | 'goes-on'>

export function createEndRun({ broker, metrics, log }: Deps): EndRun {
  return async function endRun(run, signal) {
    const fields = { namespace: run.namespace, run: run.name, run_uid: run.uid, run_kind: run.kind }
    const outcome = await broker.endRun(run, signal)
    if (outcome.kind === 'refused' && outcome.error === 'invalid_request') {
      log.debug(fields, 'run goes on')
      return 'goes-on'
    }
    metrics.runEnd(outcome.kind === 'done' ? 'told' : 'untold')
    if (outcome.kind === 'done') {
      log.info(fields, 'run end told')
      return 'ended'
    }
    log.warn({ ...fields, outcome: outcome.kind, exchange_id: outcome.exchangeId }, 'run end not told')
    throw new RunEndUntold(outcome.description)
  }
}
