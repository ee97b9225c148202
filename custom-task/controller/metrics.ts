import { Counter, Gauge, Registry } from 'prom-client'
import type { Reason } from './step.ts'

export interface QueueDepth {
  readonly waiting: number
  readonly delayed: number
  readonly running: number
}

export interface Metrics {
  /** A status with this reason was written. */
  wrote(reason: Reason): void
  /** Something was done about a Secret. */
  secret(what: SecretEvent): void
  runEnd(outcome: 'told' | 'untold'): void
  /** Prometheus text. */
  text(): Promise<string>
  readonly contentType: string
}

/** `left`: not deleted, as it is not ours; `lost`: somebody deleted or replaced it. */
export type SecretEvent = 'made' | 'renewed' | 'not_renewed' | 'deleted' | 'left' | 'lost'

/** @param depth asked when somebody scrapes */
export function createMetrics(depth: () => QueueDepth): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const statuses = new Counter({
    name: 'tokenbroker_custom_run_statuses_total',
    help: 'Status writes to CustomRuns, by reason of the condition Succeeded',
    labelNames: ['reason'],
    registers,
  })
  const ends = new Counter({
    name: 'tokenbroker_run_ends_total',
    help: 'Ends of runs told to the broker, by outcome',
    labelNames: ['outcome'],
    registers,
  })
  const secrets = new Counter({
    name: 'tokenbroker_secrets_total',
    help: 'What was done about Secrets of deliver: secret',
    labelNames: ['what'],
    registers,
  })
  const queue = new Gauge({
    name: 'tokenbroker_controller_queue_depth',
    help: 'CustomRuns in the work queue, by state',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(depth())) this.set({ state }, count)
    },
  })
  queue.set({ state: 'running' }, 0)
  return Object.freeze({
    wrote: (reason: Reason) => statuses.inc({ reason }),
    secret: (what: SecretEvent) => secrets.inc({ what }),
    runEnd: (outcome: 'told' | 'untold') => ends.inc({ outcome }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  })
}
