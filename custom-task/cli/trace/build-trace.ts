import type { Trace, TracedEvent, TracedInitiator, TracedRun } from './trace.ts'
import { traceApprovals } from './trace-approvals.ts'
import { isExchange, type TraceRecord } from './trace-record.ts'
import { traceWorkloads } from './trace-workloads.ts'

type Run = NonNullable<TraceRecord['data']['run']>

/** What the records of one run say together. */
export function buildTrace(records: readonly TraceRecord[]): Trace {
  const runs = records.flatMap(({ data }) => data.run ?? [])
  return {
    event: eventOf(runs, records),
    initiator: initiatorOf(runs),
    run: runOf(runs, records),
    approvals: traceApprovals(records),
    workloads: traceWorkloads(records),
    ends: records
      .filter(({ type }) => type === 'run.ended')
      .map(({ time, data }) => ({
        time,
        reason: data.reason,
        by: data.by,
        revoked_count: data.revoked_count,
        closed_authorizations: data.closed_authorizations,
      })),
  }
}

function eventOf(runs: readonly Run[], records: readonly TraceRecord[]): TracedEvent | undefined {
  const event = first(runs, (run) => run.event)
  if (event === undefined) return labelsOf(runs)
  return {
    id: event.id,
    received_at: records.find(({ type }) => type === 'event.registered')?.time,
    sender: event.sender,
    sender_kind: event.kind,
    kind: event.fields?.kind,
    ref: event.fields?.ref,
    login: event.login,
    event_listener: event.event_listener,
    trigger: event.trigger,
    is_verified: true,
  }
}

/** Anybody who may create a run may write them. */
function labelsOf(runs: readonly Run[]): TracedEvent | undefined {
  const trigger = first(runs, (run) => run.trigger)
  if (trigger === undefined) return undefined
  return {
    id: trigger.event_id,
    event_listener: trigger.event_listener,
    trigger: trigger.trigger,
    is_verified: false,
  }
}

/** One record that could not prove who it was is enough: a trace says nothing surer than its records. */
function initiatorOf(runs: readonly Run[]): TracedInitiator | undefined {
  const named = runs.filter(({ initiator }) => initiator !== undefined)
  const run = named.find(({ is_initiator_proved: isProved }) => isProved !== true) ?? named[0]
  if (run?.initiator === undefined) return undefined
  return { name: run.initiator, from: run.initiator_from, is_proved: run.is_initiator_proved === true }
}

function runOf(runs: readonly Run[], records: readonly TraceRecord[]): TracedRun {
  const subject = first(records, ({ data }) => data.subject)
  const [namespace = '', name = ''] = (records.find(({ type }) => type !== 'event.registered')?.subject ?? '').split(
    '/',
  )
  return {
    ...nameOf(runs, name),
    cluster: subject?.cluster,
    namespace,
    pipeline: first(runs, (run) => run.pipeline),
    source: first(runs, (run) => run.source),
    ...assuranceOf(records),
  }
}

function nameOf(runs: readonly Run[], otherwise: string): Pick<TracedRun, 'kind' | 'name' | 'uid'> {
  const run = runs.find((one) => one.pipeline_run !== undefined) ?? runs.find((one) => one.task_run !== undefined)
  if (run?.pipeline_run !== undefined) return { kind: 'PipelineRun', name: run.pipeline_run, uid: run.pipeline_run_uid }
  if (run?.task_run !== undefined) return { kind: 'TaskRun', name: run.task_run, uid: run.task_run_uid }
  const custom = runs.find((one) => one.custom_run !== undefined)
  if (custom?.custom_run === undefined) return { kind: 'Pod', name: otherwise }
  return { kind: 'CustomRun', name: custom.custom_run, uid: custom.custom_run_uid }
}

const weakestFirst = ['none', 'claimed', 'verified']

/** The weakest that a request of the run had; records of its end and of approvals say nothing of the walk. */
function assuranceOf(records: readonly TraceRecord[]): Pick<TracedRun, 'assurance' | 'claim'> {
  const asked = records.filter(isExchange).flatMap(({ data }) => data.run ?? [])
  const runs = asked.length > 0 ? asked : records.flatMap(({ data }) => data.run ?? [])
  const assurance = weakestFirst.find((word) => runs.some((run) => run.assurance === word)) ?? 'none'
  if (assurance === 'verified') return { assurance }
  const evidence = runs.filter((run) => run.assurance === assurance).flatMap((run) => run.evidence ?? [])
  const claim = evidence.find(({ verdict }) => verdict === 'claimed')
  return { assurance, ...(claim && { claim: { hop: claim.hop, detail: claim.detail } }) }
}

function first<T, U>(values: readonly T[], read: (value: T) => U | undefined): U | undefined {
  for (const value of values) {
    const found = read(value)
    if (found !== undefined) return found
  }
  return undefined
}
