import { isExchange, type TraceRecord } from './trace-record.ts'

/** What a person names: a run, or something that happened in one. */
export type Wanted =
  | { readonly kind: 'run'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'jti'; readonly id: string }
  | { readonly kind: 'exchange'; readonly id: string }

/** A text that every line has which could be the wanted one: most lines need not be parsed. */
export function needle(wanted: Wanted): string {
  return wanted.kind === 'run' ? wanted.name : wanted.id
}

export function isWanted(record: TraceRecord, wanted: Wanted): boolean {
  const { subject, data } = record
  if (wanted.kind === 'jti') return data.token?.jti === wanted.id
  if (wanted.kind === 'exchange') return isExchange(record) && data.exchange_id === wanted.id
  const { pipeline_run: pipelineRun, task_run: taskRun, custom_run: customRun } = data.run ?? {}
  const names = [pipelineRun, taskRun, customRun, data.subject?.pod]
  return subject.startsWith(`${wanted.namespace}/`) && names.includes(wanted.name)
}

/**
 * One text for one run: a name can be used again, and in another cluster. A pod of which no run is known counts as its
 * own run.
 *
 * @returns `undefined` for a record that is of no run and no pod
 */
export function runKeyOf({ subject, data: { run, subject: who } }: TraceRecord): string | undefined {
  const uid = run?.pipeline_run_uid ?? run?.task_run_uid ?? run?.custom_run_uid
  if (uid !== undefined) return uid
  if ((run?.pipeline_run ?? run?.task_run) !== undefined) return subject
  return podOf({ data: { subject: who } })
}

function podOf({ data: { subject } }: { readonly data: Pick<TraceRecord['data'], 'subject'> }): string | undefined {
  return subject?.pod_uid ?? (subject?.pod && `${subject.namespace}/${subject.pod}`)
}

/** What belongs to a run without naming it: an outage left the run of a pod unknown, a kill switch names tokens. */
export interface Belongings {
  readonly pods: ReadonlySet<string>
  readonly tokens: ReadonlySet<string>
  readonly events: ReadonlySet<string>
}

export function belongingsOf(records: readonly TraceRecord[]): Belongings {
  const found = (read: (record: TraceRecord) => string | undefined) =>
    new Set(records.flatMap((record) => read(record) ?? []))
  return {
    pods: found(podOf),
    tokens: found(({ data }) => data.token?.jti),
    events: found(({ data }) => data.run?.event?.id),
  }
}

export function belongs(record: TraceRecord, { pods, tokens, events }: Belongings): boolean {
  const { type, data } = record
  if (type === 'event.registered') return events.has(data.event?.id ?? '')
  const isOfPod = data.run?.pipeline_run === undefined && data.run?.task_run === undefined && isExchange(record)
  return (isOfPod && pods.has(podOf(record) ?? '')) || (data.revoked_tokens ?? []).some((jti) => tokens.has(jti))
}
