import type { TracedExchange, TracedToken, TracedWorkload } from './trace.ts'
import { isExchange, type TraceRecord } from './trace-record.ts'

/** The tasks and pods that asked, in the order in which they first did, with what each of them was answered. */
export function traceWorkloads(records: readonly TraceRecord[]): readonly TracedWorkload[] {
  const asked = records.filter(isExchange)
  const revoked = withdrawals(records)
  return [...Map.groupBy(asked, keyOf).values()].map((own) => ({
    ...describe(own),
    exchanges: [...answers(own).values()].map((record) => exchangeOf(record, revoked)),
  }))
}

/** A task that is tried again has another pod. */
function keyOf({ data: { subject, run } }: TraceRecord): string {
  return subject?.pod_uid ?? subject?.pod ?? run?.custom_run_uid ?? run?.task_run_uid ?? ''
}

function describe(records: readonly TraceRecord[]): Omit<TracedWorkload, 'exchanges'> {
  const run = records.find(({ data }) => data.run?.task_run !== undefined || data.run?.custom_run !== undefined)?.data
    .run
  const subject = records.find(({ data }) => data.subject !== undefined)?.data.subject
  const name = run?.task_run ?? run?.custom_run
  const kind = run?.task_run !== undefined ? 'TaskRun' : 'CustomRun'
  return {
    kind: name === undefined ? 'Pod' : kind,
    name: name ?? subject?.pod,
    task: run?.task,
    pod: subject?.pod,
    service_account: subject?.service_account,
  }
}

/** The last record of each exchange: what was intended is followed by what came of it. */
function answers(records: readonly TraceRecord[]): ReadonlyMap<string, TraceRecord> {
  return new Map(records.map((record, at) => [record.data.exchange_id ?? `${at}`, record]))
}

function exchangeOf({ type, time, data }: TraceRecord, revoked: Withdrawals): TracedExchange {
  const { policy, request, token } = data
  return {
    id: data.exchange_id,
    time,
    outcome: type === 'explain' ? 'explained' : (data.outcome ?? type),
    reason: data.reason,
    detail: data.detail,
    policy: policy ?? (request?.policy === undefined ? undefined : { name: request.policy }),
    scope: token?.scope ?? request?.scope ?? [],
    audience: token?.audience ?? request?.audience,
    ...(token?.jti !== undefined && {
      token: { jti: token.jti, expires_at: token.expires_at, revoked: revoked.get(token.jti) },
    }),
  }
}

type Withdrawals = ReadonlyMap<string, TracedToken['revoked']>

/** The first counts: what is withdrawn again was withdrawn before. */
function withdrawals(records: readonly TraceRecord[]): Withdrawals {
  const found = new Map<string, TracedToken['revoked']>()
  for (const { time, data } of records) {
    for (const jti of data.revoked_tokens ?? []) {
      if (!found.has(jti)) found.set(jti, { time, reason: data.reason, by: data.by })
    }
  }
  return found
}
