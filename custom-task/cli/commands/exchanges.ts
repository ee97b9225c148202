import type { AuditRecord } from '../../../core/audit/event.ts'
import { parseRecord } from '../../../core/audit/parse-record.ts'
import { type Command, type CommandInput, exitCodes, text, UsageError } from '../command.ts'
import { journalLines } from '../journal-files.ts'
import { table } from '../table.ts'

export const exchanges: Command = {
  name: 'exchanges',
  summary: 'List who asked for which token, what came of it and why.',
  operands: '--journal DIRECTORY [-n NAMESPACE] [--run NAME] [--outcome OUTCOME] [-o json|wide]',
  description: 'Reads the audit journal and prints one line for each decision, oldest first.',
  examples: [
    'tokenbroker exchanges --journal /var/lib/tokenbroker/audit -n payments',
    'tokenbroker exchanges --journal ./journal --outcome denied -o json | jq .data.reason',
  ],
  options: {
    journal: { type: 'string', help: 'DIRECTORY The journal, or a copy of it.' },
    namespace: { type: 'string', short: 'n', help: 'NAMESPACE Only of this namespace.' },
    run: { type: 'string', help: 'NAME Only of this PipelineRun or TaskRun.' },
    outcome: { type: 'string', help: 'OUTCOME Only granted, authorized, denied, failed or info.' },
    output: { type: 'string', short: 'o', help: 'FORMAT json (one record a line), wide, or table (default).' },
    'no-headers': { type: 'boolean', help: 'Leave out the line with the column names.' },
  },
  async run(input, { out }) {
    const directory = text(input, 'journal')
    if (directory === undefined) throw new UsageError('Name the journal with --journal.')
    const format = text(input, 'output') ?? 'table'
    if (!['json', 'wide', 'table'].includes(format)) throw new UsageError('-o takes json, wide or table.')
    const found: AuditRecord[] = []
    for await (const line of journalLines(directory)) {
      const record = line.text === undefined ? undefined : parseRecord(line.text)
      if (record === undefined || !matches(record, input)) continue
      if (format === 'json') out(JSON.stringify(record))
      else found.push(record)
    }
    if (format !== 'json') print(found, format === 'wide', input.options['no-headers'] !== true, out)
    return exitCodes.ok
  },
}

function matches({ subject, data }: AuditRecord, input: CommandInput): boolean {
  const namespace = text(input, 'namespace')
  const run = text(input, 'run')
  const outcome = text(input, 'outcome')
  return (
    (namespace === undefined || subject.startsWith(`${namespace}/`)) &&
    (run === undefined || data.run?.pipeline_run === run || data.run?.task_run === run) &&
    (outcome === undefined || data.outcome === outcome)
  )
}

function print(
  records: readonly AuditRecord[],
  isWide: boolean,
  hasHeaders: boolean,
  out: (line: string) => void,
): void {
  const headers = ['TIME', 'OUTCOME', 'REASON', 'SUBJECT', 'SERVICEACCOUNT', 'POLICY', 'SCOPE']
  const wide = ['AUDIENCE', 'EXPIRES', 'EXCHANGE']
  const rows = records.map((record) => [...row(record), ...(isWide ? wideColumns(record) : [])])
  for (const line of table([...(hasHeaders ? [isWide ? [...headers, ...wide] : headers] : []), ...rows])) out(line)
}

function row({ time, subject, data }: AuditRecord): readonly string[] {
  return [
    time,
    data.outcome,
    data.reason,
    subject,
    data.subject?.service_account ?? '-',
    data.policy?.name ?? data.request?.policy ?? '-',
    (data.token?.scope ?? data.request?.scope ?? []).join(' ') || '-',
  ]
}

function wideColumns({ data }: AuditRecord): readonly string[] {
  return [data.token?.audience ?? data.request?.audience ?? '-', data.token?.expires_at ?? '-', data.exchange_id ?? '-']
}
