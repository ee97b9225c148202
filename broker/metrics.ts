import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Outcome } from './answer.ts'
import type { Door, Known } from './known.ts'

/** What the metrics listener shows. Labels come from closed sets: never a run, a subject or an id. */
export interface BrokerMetrics {
  readonly registry: Registry
  exchange(known: Known, outcome: Outcome, seconds: number): void
  counted(door: string, reason: string): void
  /** @param sender its name in the configuration; empty where none is proved */
  event(sender: string, reason: string): void
  admission(cluster: string, isInForce: boolean): void
  auditHealth(health: {
    readonly isWritable: boolean
    readonly queueLength: number
    readonly lastFsyncMs: number
  }): void
}

export function createBrokerMetrics({ version }: { readonly version: string }): BrokerMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const exchanges = new Counter({
    name: 'tokenbroker_exchanges_total',
    help: 'Requests decided, by door, outcome and reason.',
    labelNames: ['door', 'outcome', 'reason'] as const,
    registers,
  })
  const duration = new Histogram({
    name: 'tokenbroker_exchange_duration_seconds',
    help: 'Time from the request to its durable record.',
    labelNames: ['door', 'outcome'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const suppressed = new Counter({
    name: 'tokenbroker_refusals_counted_total',
    help: 'Refusals that were counted and not recorded one by one, by door and reason.',
    labelNames: ['door', 'reason'] as const,
    registers,
  })
  const events = new Counter({
    name: 'tokenbroker_events_total',
    help: 'Events of Tekton triggers, by sender (empty where it is not proved) and reason.',
    labelNames: ['sender', 'reason'] as const,
    registers,
  })
  const auditQueue = new Gauge({
    name: 'tokenbroker_audit_queue_records',
    help: 'Records waiting for the disk.',
    registers,
  })
  const auditWritable = new Gauge({
    name: 'tokenbroker_audit_writable',
    help: '1 while the journal can be written.',
    registers,
  })
  const auditFsync = new Gauge({
    name: 'tokenbroker_audit_last_fsync_seconds',
    help: 'Time that the last write to the journal took to be durable.',
    registers,
  })
  const admission = new Gauge({
    name: 'tokenbroker_admission_policies_enforced',
    help: '1 while the admission policies of a cluster are in force; at 0 no run of it is verified.',
    labelNames: ['cluster'] as const,
    registers,
  })
  new Gauge({
    name: 'tokenbroker_build_info',
    help: 'Version, always 1.',
    labelNames: ['version'] as const,
    registers,
  }).set({ version }, 1)
  return Object.freeze({
    registry,
    exchange({ incoming }: Known, outcome: Outcome, seconds: number) {
      const { door }: { door: Door } = incoming
      const label = outcome.kind === 'refused' ? outcome.problem.row.outcome : outcome.kind
      const reason = outcome.kind === 'refused' ? outcome.problem.reason : outcome.kind
      exchanges.inc({ door, outcome: label, reason })
      duration.observe({ door, outcome: label }, seconds)
    },
    counted(door: string, reason: string) {
      suppressed.inc({ door, reason })
    },
    event(sender: string, reason: string) {
      events.inc({ sender, reason })
    },
    admission(cluster: string, isInForce: boolean) {
      admission.set({ cluster }, isInForce ? 1 : 0)
    },
    auditHealth(health: Parameters<BrokerMetrics['auditHealth']>[0]) {
      auditQueue.set(health.queueLength)
      auditWritable.set(health.isWritable ? 1 : 0)
      auditFsync.set(health.lastFsyncMs / 1000)
    },
  })
}
