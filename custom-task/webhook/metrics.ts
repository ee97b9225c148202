import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import type { Mutation } from './mutate.ts'

/** `failed`: the API server did not answer, or what it was asked was no AdmissionReview. */
export type Decision = Mutation['kind'] | 'failed'

/** `failed`: what was asked was no AdmissionReview about what is stamped. */
export type Stamping = 'stamped' | 'untouched' | 'failed'

export interface WebhookMetrics {
  decided(decision: Decision, seconds: number): void
  /** A run that somebody made, or a policy or provider that somebody suspended or let go on. */
  stamped(result: Stamping): void
  /** Prometheus text. */
  text(): Promise<string>
  readonly contentType: string
}

export function createWebhookMetrics(): WebhookMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const decisions = new Counter({
    name: 'tokenbroker_webhook_decisions_total',
    help: 'Pods judged, by what became of them.',
    labelNames: ['decision'] as const,
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'tokenbroker_webhook_decision_duration_seconds',
    help: 'Time from the whole request to the decision.',
    labelNames: ['decision'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
    registers: [registry],
  })
  const stamps = new Counter({
    name: 'tokenbroker_webhook_stamps_total',
    help: 'Runs that were made, and policies and providers suspended or let go on, by whether who did it was written there.',
    labelNames: ['result'] as const,
    registers: [registry],
  })
  return Object.freeze({
    decided(decision: Decision, seconds: number): void {
      decisions.inc({ decision })
      duration.observe({ decision }, seconds)
    },
    stamped(result: Stamping): void {
      stamps.inc({ result })
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  })
}
