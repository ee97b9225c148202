import type { AuditData, AuditRecord } from '../../../core/audit/event.ts'
import { parseRecord } from '../../../core/audit/parse-record.ts'
import {
  type Command,
  type CommandContext,
  type CommandInput,
  choice,
  exitCodes,
  text,
  UsageError,
} from '../command.ts'
import { journalLines } from '../journal-files.ts'
import { createTable } from '../table.ts'

const formats = ['table', 'wide', 'json'] as const
const outcomes = [
  'granted',
  'authorized',
  'denied',
  'failed',
  'intended',
  'info',
] as const satisfies readonly AuditData['outcome'][]

export const exchanges: Command = {
  name: 'exchanges',
  summary: 'List who asked for which token, what came of it and why.',
  operands: '--journal DIRECTORY [-n NAMESPACE] [--run NAME] [--outcome OUTCOME] [-o json|wide]',
  description:
    'Reads the audit journal and prints one line for each record, oldest first. It does not check the hash chain:\n' +
    'tokenbroker audit verify does.',
  examples: [
    'tokenbroker exchanges --journal /var/lib/tokenbroker/audit -n payments',
    'tokenbroker exchanges --journal ./journal --outcome denied -o json | jq .data.reason',
  ],
  options: {
    journal: { type: 'string', help: 'DIRECTORY The journal, or a copy of it.' },
    namespace: { type: 'string', short: 'n', help: 'NAMESPACE Only of this namespace.' },
    run: { type: 'string', help: 'NAME Only of this PipelineRun or TaskRun.' },
    outcome: { type: 'string', help: `OUTCOME Only ${outcomes.slice(0, -1).join(', ')} or ${outcomes.at(-1)}.` },
    output: { type: 'string', short: 'o', help: 'FORMAT json (one record a line), wide, or table (default).' },
    'no-headers': { type: 'boolean', help: 'Leave out the line with the column names.' },
  },
  async run(input, context) {
    if (input.positionals.length > 0)
      throw new UsageError('exchanges takes no operands: name the journal with --journal.')
    const directory = text(input, 'journal')
    if (directory === undefined) throw new UsageError('Name the journal with --journal.')
    const format = choice(input, 'output', formats) ?? 'table'
    const outcome = choice(input, 'outcome', outcomes)
    const listing = createListing(format, input.options['no-headers'] !== true, context)
    let damaged = 0
    for await (const { text: line, isTerminated } of journalLines(directory, context.signal)) {
      const record = line === undefined ? undefined : parseRecord(line)
      // A line without its end is being written just now.
      if (record === undefined) damaged += isTerminated ? 1 : 0
      else if (matches(record, input, outcome) && !listing.add(record)) break
    }
    listing.end()
    if (damaged > 0)
      context.note(`Damaged lines that are not shown: ${damaged}. See: tokenbroker audit verify ${directory}`)
    return exitCodes.ok
  },
}

function matches({ subject, data }: AuditRecord, input: CommandInput, outcome: string | undefined): boolean {
  const namespace = text(input, 'namespace')
  const run = text(input, 'run')
  return (
    (namespace === undefined || subject.startsWith(`${namespace}/`)) &&
    (run === undefined || data.run?.pipeline_run === run || data.run?.task_run === run) &&
    (outcome === undefined || data.outcome === outcome)
  )
}

function createListing(format: (typeof formats)[number], hasHeaders: boolean, { out, note }: CommandContext) {
  const columns = [...narrow, ...(format === 'wide' ? wide : [])]
  const table = createTable(out)
  let count = 0

  function show(record: AuditRecord): boolean {
    if (format === 'json') return out(JSON.stringify(record))
    if (count === 1 && hasHeaders) table.add(columns.map(([header]) => header))
    return table.add(columns.map(([, read]) => cell(read(record))))
  }

  return {
    add(record: AuditRecord): boolean {
      count += 1
      return show(record)
    },
    end(): void {
      table.end()
      if (count === 0) note('No records found.')
    },
  }
}

/** `granted` of `dev.tokenbroker.exchange.granted.v1`: the outcome of an exchange, and what else happened by its name. */
function eventOf(type: unknown): string | undefined {
  return typeof type === 'string' ? type.split('.').at(-2) : undefined
}

type Column = readonly [header: string, read: (record: AuditRecord) => unknown]

const narrow: readonly Column[] = [
  ['TIME', ({ time }) => time],
  ['EVENT', ({ type }) => eventOf(type)],
  ['REASON', ({ data }) => data.reason],
  ['SUBJECT', ({ subject }) => subject],
  ['SERVICEACCOUNT', ({ data }) => data.subject?.service_account],
  ['POLICY', ({ data }) => data.policy?.name ?? data.request?.policy],
  ['SCOPE', ({ data }) => data.token?.scope ?? data.request?.scope],
]

const wide: readonly Column[] = [
  ['AUDIENCE', ({ data }) => data.token?.audience ?? data.request?.audience],
  ['EXPIRES', ({ data }) => data.token?.expires_at],
  ['EXCHANGE', ({ data }) => data.exchange_id],
  ['DETAIL', ({ data }) => data.detail],
]

/** A file can hold anything, whatever the type says of records that the broker writes. */
function cell(value: unknown): string {
  if (Array.isArray(value)) return value.map(cell).join(' ')
  return typeof value === 'string' ? value : ''
}
