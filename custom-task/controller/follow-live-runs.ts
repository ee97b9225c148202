import type { Logger } from 'pino'
import { type Backoff, backoffMs } from '../../core/io/backoff.ts'
import type { Delay, Random } from '../../core/io/system.ts'
import type { Broker } from './broker.ts'
import { parseRunKey } from './run-cache.ts'
import type { RunEnds } from './run-ends.ts'

interface Deps {
  readonly broker: Pick<Broker, 'liveRuns'>
  readonly runEnds: Pick<RunEnds, 'holds' | 'lookAgain'>
  readonly delay: Delay
  readonly random: Random
  readonly log: Logger
}

/** In docs/architecture.md#timers */
const everyMs = 1000
const backoff: Backoff = { baseMs: 1000, maxMs: 10_000 }

/**
 * Asks the broker which runs hold something, until the signal: the broker alone knows, as most runs get their tokens
 * without the controller. Nothing is kept between two lives of this process; the first answer names them all.
 */
export async function followLiveRuns(deps: Deps, signal: AbortSignal): Promise<void> {
  let position: Position = { after: undefined, failures: 0, pauseMs: 0 }
  while (!signal.aborted) {
    // A call throws only when the signal is aborted.
    position = await askOnce(position, deps, signal).catch(() => position)
    if (position.pauseMs > 0) await deps.delay(position.pauseMs, signal).catch(() => undefined)
  }
}

interface Position {
  readonly after: string | undefined
  /** Questions in a row without an answer. */
  readonly failures: number
  readonly pauseMs: number
}

async function askOnce({ after, failures }: Position, deps: Deps, signal: AbortSignal): Promise<Position> {
  const { broker, runEnds, log, random } = deps
  const answer = await broker.liveRuns(after, signal)
  if (answer.kind !== 'live-runs') {
    if (failures === 0) log.warn({ problem: answer.description }, 'runs with tokens are not known for now')
    return { after, failures: failures + 1, pauseMs: backoffMs(failures, backoff, random) }
  }
  if (failures > 0) runEnds.lookAgain()
  for (const run of answer.runs.flatMap((text) => parseRunKey(text) ?? [])) runEnds.holds(run)
  return { after: answer.next, failures: 0, pauseMs: answer.more ? 0 : everyMs }
}
