import type { Logger } from 'pino'
import { type Judgement, judgeInstalled } from '../../core/admission/judge.ts'
import { type AdmissionSettings, expectedPolicies } from '../../core/admission/settings.ts'
import { policySettlingMs } from '../../core/admission/settling.ts'
import { verifiedLabel } from '../../core/admission/verified-namespaces.ts'
import type { Clock } from '../../core/clock.ts'
import { withDeadline } from '../../core/io/deadline.ts'
import type { KubeClient } from '../../core/io/kube/api.ts'
import type { Delay } from '../../core/io/system.ts'
import { type CanaryAnswer, tryCanary } from './admission-canary.ts'
import { watchAdmission } from './watch-admission.ts'

/**
 * Whether the admission policies that make provenance unforgeable are in force in one cluster, and since when.
 *
 * @see docs/guides/provenance.md
 */
export interface AdmissionGuard {
  /**
   * Every object of a walk has to be created after this to be `verified`; undefined where nothing is.
   *
   * @param namespace of the run: only those that the platform team labelled keep people out of pods
   */
  verifiedSince(namespace: string): Date | undefined
  /** Why nothing in this namespace is verified, one sentence for operators; empty where it may be. */
  why(namespace: string): string
}

/** The guard together with what keeps it up to date. */
export interface WatchedGuard extends AdmissionGuard {
  /** Why nothing in the whole cluster is verified; empty where the policies are in force. */
  doubt(): string
  start(): void
  stop(): Promise<void>
}

/** The guard of a cluster whose configuration names no admission policies. */
export const noAdmissionGuard: WatchedGuard = Object.freeze({
  verifiedSince: () => undefined,
  why: () => 'the configuration of the cluster names no admission policies',
  doubt: () => 'the configuration of the cluster names no admission policies',
  start: () => undefined,
  stop: async () => undefined,
})

interface Deps {
  readonly kube: Pick<KubeClient, 'list' | 'watch' | 'wouldCreate'>
  readonly settings: AdmissionSettings & { readonly namespace: string }
  /** Audience of pods' tokens: the broker's issuer URL. */
  readonly audience: string
  readonly clock: Clock
  readonly delay: Delay
  readonly log: Logger
}

/** In docs/architecture.md#timers */
const canary = { everyMs: 15_000, timeoutMs: 5000, goodForMs: 45_000 } as const
/**
 * Follows the policies that the chart installs. On any doubt nothing is verified: one is missing, or says something else
 * than this release does; the API server is not heard; the canary was let in, or nobody answered it lately.
 */
export function createAdmissionGuard({ kube, settings, audience, clock, delay, log }: Deps): WatchedGuard {
  const expected = expectedPolicies(settings, audience)
  const stopping = new AbortController()
  let judgement: Judgement | undefined
  let answered: { readonly answer: CanaryAnswer; readonly deniedAtMs: number } = {
    answer: { kind: 'unknown', why: 'it was not tried yet' },
    deniedAtMs: Number.NEGATIVE_INFINITY,
  }
  /** Seen here not to be in force: what was made until it is again can be forged, whatever the objects say later. */
  let hasLapsed = false
  let restoredAtMs = 0
  let wasInForce: boolean | undefined
  let running: Promise<void> | undefined
  const seen = watchAdmission({ kube, clock, log, onChange })

  function onChange(): void {
    judgement = undefined
    if (seen.doubt() === '') report()
  }

  function installed(): Judgement {
    judgement ??= judgeInstalled(expected, seen)
    return judgement
  }

  function doubt(): string {
    const unseen = seen.doubt()
    if (unseen !== '') return unseen
    const now = installed()
    if (!now.isInForce) return now.why
    const { answer, deniedAtMs } = answered
    if (answer.kind === 'admitted') return 'the API server let in what the policies refuse'
    if (clock().getTime() - deniedAtMs <= canary.goodForMs) return ''
    return `the canary proves nothing: ${answer.kind === 'unknown' ? answer.why : 'it is too old'}`
  }

  /** Notes lapses and their ends, and tells each once. */
  function report(): void {
    const why = doubt()
    const isLapse = seen.doubt() === '' && (!installed().isInForce || answered.answer.kind === 'admitted')
    if (isLapse) hasLapsed = true
    else if (why === '' && hasLapsed) {
      hasLapsed = false
      restoredAtMs = clock().getTime()
    }
    // An upgrade changes every policy: that is one line, and /readyz has the newest reason.
    if (wasInForce === (why === '')) return
    wasInForce = why === ''
    if (why === '') log.info('admission policies are in force')
    else log.warn({ why }, 'admission policies are not in force: no run is verified')
  }

  async function sing(): Promise<void> {
    const { signal } = stopping
    while (!signal.aborted) {
      const answer = await withDeadline(canary.timeoutMs, signal, (inner) => tryCanary(kube, settings, inner)).catch(
        () => ({ kind: 'unknown', why: 'the API server gave no answer' }) as const,
      )
      answered = { answer, deniedAtMs: answer.kind === 'denied' ? clock().getTime() : answered.deniedAtMs }
      report()
      await delay(canary.everyMs, signal).catch(() => undefined)
    }
  }

  function why(namespace: string): string {
    const cluster = doubt()
    if (cluster !== '') return cluster
    if (!seen.hasLabel(namespace)) return `namespace ${namespace} has no label ${verifiedLabel}=true`
    return seen.labelledAt(namespace) === undefined
      ? `namespace ${namespace} does not say since when it has its label`
      : ''
  }

  return Object.freeze({
    verifiedSince(namespace: string) {
      const labelled = seen.labelledAt(namespace)
      const now = labelled && doubt() === '' ? installed() : undefined
      if (labelled === undefined || !now?.isInForce || hasLapsed) return undefined
      return new Date(Math.max(now.since.getTime(), labelled.getTime(), restoredAtMs) + policySettlingMs)
    },
    why,
    doubt,
    start() {
      seen.start()
      running ??= sing()
    },
    async stop() {
      stopping.abort()
      await Promise.all([running, seen.stop()])
    },
  })
}
