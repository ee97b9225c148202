import type { AuditData, AuditRecord } from '../../../core/audit/event.ts'
import { parseRecord } from '../../../core/audit/parse-record.ts'
import {
  type Command,
  type CommandContext,
  CommandFailure,
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
  operands: '--journal DIRECTORY [EXCHANGE_ID] [-n NAMESPACE] [--run NAME] [--outcome OUTCOME] [-o json|wide]',
  description:
    'Reads the audit journal and prints one line for each record, oldest first. It does not check the hash chain:\n' +
    'tokenbroker audit verify does. With the exchange id that a refusal ends with it prints the records of that\n' +
    'exchange, and the exit code is 1 when there is none.',
  examples: [
    'tokenbroker exchanges --journal /var/lib/tokenbroker/audit -n payments',
    'tokenbroker exchanges --journal ./journal --outcome denied -o json | jq .data.reason',
    'tokenbroker exchanges --journal ./journal -o wide 01a20fef-6c04-79a3-a584-7c4c784fb23d',
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
    const directory = text(input, 'journal')
    if (directory === undefined) throw new UsageError('Name the journal with --journal.')
    const exchangeId = exchangeIdOf(input)
    const format = choice(input, 'output', formats) ?? 'table'
    const outcome = choice(input, 'outcome', outcomes)
    const listing = createListing(format, input.options['no-headers'] !== true, context)
    let damaged = 0
    for await (const { text: line, isTerminated } of journalLines(directory, context.signal)) {
      const record = line === undefined ? undefined : parseRecord(line)
      // A line without its end is being written just now.
      if (record === undefined) damaged += isTerminated ? 1 : 0
      else if (matches(record, input, { outcome, exchangeId }) && !listing.add(record)) break
    }
    listing.end()
    if (damaged > 0)
      context.note(`Damaged lines that are not shown: ${damaged}. See: tokenbroker audit verify ${directory}`)
    if (listing.count() === 0) foundNothing(exchangeId, context)
    return exitCodes.ok
  },
}

const noExchange =
  'No record has this exchange id and matches the other options: copy the journal anew, and check the id.'

/** @throws CommandFailure when one exchange was asked for: a script shall not take that for an answer */
function foundNothing(exchangeId: string | undefined, { note }: CommandContext): void {
  if (exchangeId !== undefined) throw new CommandFailure(exitCodes.failed, noExchange)
  note('No records found.')
}

/** @throws UsageError when it is none: a path or a token, given by mistake */
function exchangeIdOf({ positionals }: CommandInput): string | undefined {
  const [id, ...rest] = positionals
  if (rest.length > 0 || (id !== undefined && !/^[A-Za-z0-9-]{1,64}$/.test(id)))
    throw new UsageError('exchanges takes one exchange id, as a refusal ends with it.')
  return id
}

interface Wanted {
  readonly outcome: string | undefined
  readonly exchangeId: string | undefined
}

function matches({ subject, data }: AuditRecord, input: CommandInput, { outcome, exchangeId }: Wanted): boolean {
  const namespace = text(input, 'namespace')
  const run = text(input, 'run')
  return (
    (namespace === undefined || subject.startsWith(`${namespace}/`)) &&
    (run === undefined || data.run?.pipeline_run === run || data.run?.task_run === run) &&
    (outcome === undefined || data.outcome === outcome) &&
    (exchangeId === undefined || data.exchange_id === exchangeId)
  )
}

function createListing(format: (typeof formats)[number], hasHeaders: boolean, { out }: CommandContext) {
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
    count: () => count,
    end(): void {
      table.end()
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
  ['SUBJECT', subjectOf],
  ['SERVICEACCOUNT', ({ data }) => data.subject?.service_account],
  ['POLICY', policyOf],
  ['SCOPE', ({ data }) => data.token?.scope ?? data.request?.scope],
]

const wide: readonly Column[] = [
  ['AUDIENCE', ({ data }) => data.token?.audience ?? data.request?.audience],
  ['EXPIRES', ({ data }) => data.token?.expires_at],
  ['EXCHANGE', ({ data }) => data.exchange_id],
  ['DETAIL', ({ data }) => data.detail],
]

/** What no namespace has is named by its kind. */
function subjectOf({ subject, data }: AuditRecord): unknown {
  const kind: unknown = data.policy?.kind
  const [namespace, name] = typeof subject === 'string' ? subject.split('/') : []
  return namespace === '*' && typeof kind === 'string' ? `${kind}/${name}` : subject
}

/** The record of a change names a provider where that of an exchange names a policy. */
function policyOf({ data }: AuditRecord): unknown {
  return data.policy?.kind === 'ClusterTokenProvider' ? undefined : (data.policy?.name ?? data.request?.policy)
}

/** A file can hold anything, whatever the type says of records that the broker writes. */
function cell(value: unknown): string {
  if (Array.isArray(value)) return value.map(cell).join(' ')
  return typeof value === 'string' ? value : ''
}
