import type { Logger } from 'pino'
import type { EventRecorder } from '../../core/io/kube/events.ts'
import { type AskDeps, ask } from './ask.ts'
import type { RunReference } from './broker.ts'
import { type EndRun, RunEndUntold } from './end-run.ts'
import type { Metrics } from './metrics.ts'
import type { OurRun } from './our-run.ts'
import type { SecretWork } from './secrets/secret-work.ts'
import type { SecretStep, StatusPatch, Step } from './step.ts'

export interface ApplyDeps extends AskDeps {
  readonly endRun: EndRun
  readonly events: EventRecorder
  readonly secrets: SecretWork
  readonly metrics: Pick<Metrics, 'wrote'>
  readonly log: Logger
}

export interface Applied {
  readonly run: OurRun
  /** The broker was asked or a Secret changed, so another plan can be made. */
  readonly isOpen: boolean
  readonly requeueAfterMs: number | undefined
}

export type Apply = (steps: readonly Step[], run: OurRun, signal: AbortSignal) => Promise<Applied>

/** Does what a plan says, in order; a step that throws leaves the rest undone, and the next plan begins from there. */
export function createApply(deps: ApplyDeps): Apply {
  return async function apply(steps, before, signal) {
    let run = before
    let requeueAfterMs: number | undefined
    for (const step of steps) {
      switch (step.kind) {
        case 'hold':
          // With a question behind it, both are done side by side.
          if (!steps.some(isQuestion)) run = await deps.write.hold(run, signal)
          break
        case 'authorize':
          run = await ask(run, { ...step, holds: steps.some((one) => one.kind === 'hold') }, deps, signal)
          break
        case 'reserve-secrets':
        case 'make-secrets':
        case 'renew-secret':
        case 'delete-secrets':
        case 'note-secrets':
          run = await applyToSecrets(step, run, deps, signal)
          break
        case 'patch-status':
          run = await deps.write.status(run, step.status, signal)
          report(run, step.status, deps)
          break
        case 'emit-event':
          await deps.events.record(about(run, step.run), step, signal)
          break
        case 'end-run':
          await endRun(step.run, deps, signal)
          break
        case 'release':
          run = await deps.write.release(run, signal)
          break
        case 'requeue':
          requeueAfterMs = Math.min(step.afterMs, requeueAfterMs ?? step.afterMs)
          break
      }
    }
    return { run, isOpen: steps.some(opensAnother), requeueAfterMs }
  }
}

async function applyToSecrets(
  step: SecretStep,
  run: OurRun,
  { secrets, write }: ApplyDeps,
  signal: AbortSignal,
): Promise<OurRun> {
  switch (step.kind) {
    case 'reserve-secrets':
      return await secrets.reserve(run, step.policies, signal)
    case 'make-secrets':
      return await secrets.make(run, step, signal)
    case 'renew-secret':
      return await secrets.renew(run, step, signal)
    case 'delete-secrets':
      return await secrets.remove(run, step, signal)
    case 'note-secrets':
      return await write.secrets(run, step.secrets, signal)
  }
}

async function endRun(run: RunReference, deps: ApplyDeps, signal: AbortSignal): Promise<void> {
  if ((await deps.endRun(run, signal)) === 'goes-on') throw new RunEndUntold('the broker sees the run go on')
}

function report({ customRun }: OurRun, status: StatusPatch, { log, attempts, metrics }: ApplyDeps): void {
  const { status: succeeded, reason } = status.conditions[0]
  const { namespace, name, uid } = customRun.metadata
  log.info({ namespace, custom_run: name, custom_run_uid: uid, succeeded, reason }, 'custom run status written')
  metrics.wrote(reason)
  if (succeeded !== 'Unknown') attempts.forget(uid)
}

function about(
  { customRun, resourceVersion }: OurRun,
  run: RunReference | undefined,
): Parameters<EventRecorder['record']>[0] {
  if (run !== undefined) {
    const { kind, ...metadata } = run
    return { apiVersion: 'tekton.dev/v1', kind, metadata: { ...metadata, resourceVersion: '' } }
  }
  const { namespace, name, uid } = customRun.metadata
  const { apiVersion, kind } = customRun
  return { apiVersion, kind, metadata: { namespace, name, uid, resourceVersion } }
}

function opensAnother(step: Step): boolean {
  return isQuestion(step) || step.kind.endsWith('-secrets') || step.kind === 'renew-secret'
}

function isQuestion(step: Step): boolean {
  return step.kind === 'authorize'
}
