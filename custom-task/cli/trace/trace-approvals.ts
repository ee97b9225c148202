import type { TracedApproval } from './trace.ts'
import type { TraceRecord } from './trace-record.ts'

/** Each question to people: who was asked when, and what came of it. One that ended can be asked again by its name. */
export function traceApprovals(records: readonly TraceRecord[]): readonly TracedApproval[] {
  const found: TracedApproval[] = []
  for (const record of records) {
    const name = record.type.startsWith('approval.') ? record.data.approval?.name : undefined
    if (name === undefined) continue
    const at = found.findIndex((one) => one.name === name && one.verdict === undefined)
    found[at === -1 ? found.length : at] = next(found[at], name, record)
  }
  return found
}

function next(before: TracedApproval | undefined, name: string, { type, time, data }: TraceRecord): TracedApproval {
  const { expires_at: expiresAt, requirements, decisions } = data.approval ?? {}
  const isAsked = type === 'approval.requested'
  return {
    name,
    asked_at: before?.asked_at ?? (isAsked ? time : undefined),
    expires_at: expiresAt ?? before?.expires_at,
    requirements: requirements ?? before?.requirements ?? [],
    decisions: decisions ?? before?.decisions ?? [],
    ...(!isAsked && { verdict: data.reason, decided_at: time }),
  }
}
