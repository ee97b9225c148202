import {
  type Command,
  CommandFailure,
  type CommandInput,
  choice,
  exitCodes,
  operand,
  text,
  UsageError,
} from '../command.ts'
import { buildTrace } from '../trace/build-trace.ts'
import { drawTrace } from '../trace/draw-trace.ts'
import type { Wanted } from '../trace/find-runs.ts'
import { readRuns } from '../trace/read-runs.ts'
import { treeLines } from '../trace/tree.ts'

const formats = ['tree', 'json'] as const
const defaultJournal = '/var/lib/tokenbroker/audit'

export const trace: Command = {
  name: 'trace',
  summary: 'Show a run from what caused it to what became of each of its tokens.',
  operands: 'NAMESPACE/RUN | --jti ID | --exchange ID [--journal DIRECTORY] [-o json]',
  description:
    'Reads the audit journal and prints a tree: the event and the initiator, the run and how surely it is known, who\n' +
    'approved, each pod with its ServiceAccount, each exchange with its policy, each token and its withdrawal, the end.\n' +
    'RUN is the name of a PipelineRun, TaskRun, CustomRun or pod; where a name was used again there is a tree for each.\n' +
    'It does not check the hash chain: tokenbroker audit verify does. The exit code is 1 when nothing is found.',
  examples: [
    'tokenbroker trace payments/release-7 --journal ./journal',
    'tokenbroker trace --jti 01a20fef-6c04-79a3-a584-7c4c784fb23d --journal ./journal',
    'tokenbroker trace --exchange 01a20fef-6c04-79a3-a584-7c4c784fb23d --journal ./journal -o json | jq .initiator',
  ],
  options: {
    jti: { type: 'string', help: 'ID The run that got this token.' },
    exchange: { type: 'string', help: 'ID The run of this exchange, as a refusal ends with it.' },
    journal: { type: 'string', help: `DIRECTORY The journal, or a copy of it. Default: ${defaultJournal}.` },
    output: {
      type: 'string',
      short: 'o',
      help: 'FORMAT json (one document for each run, on a line), or tree (default).',
    },
  },
  async run(input, { out, note, signal }) {
    const wanted = wantedOf(input)
    const format = choice(input, 'output', formats) ?? 'tree'
    const directory = text(input, 'journal') ?? defaultJournal
    const { runs, damaged } = await readRuns(directory, wanted, signal)
    if (damaged > 0) note(`Damaged lines that are not shown: ${damaged}. See: tokenbroker audit verify ${directory}`)
    if (runs.length === 0) throw new CommandFailure(exitCodes.failed, notFound[wanted.kind])
    for (const records of runs) {
      const found = buildTrace(records)
      const lines = format === 'json' ? [JSON.stringify(found)] : treeLines(drawTrace(found))
      for (const line of lines) if (!out(line)) return exitCodes.ok
    }
    return exitCodes.ok
  },
}

const notFound = {
  run: 'No record in this journal is of that run: check namespace and name, and copy the journal anew. A run that never asked has none.',
  jti: 'No record in this journal is of that token: check its claims jti and iss, and copy the journal anew.',
  exchange: 'No record in this journal is of that exchange: check the id, and copy the journal anew.',
} as const satisfies Record<Wanted['kind'], string>

const runPattern = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/
const idPattern = /^[\w-]{1,64}$/

/** @throws UsageError for none, for two, and for what is no id: a token, given by mistake */
function wantedOf(input: CommandInput): Wanted {
  const [jti, exchange] = [text(input, 'jti'), text(input, 'exchange')]
  const count = [jti, exchange].filter((id) => id !== undefined).length + input.positionals.length
  if (count !== 1) throw new UsageError('Name one NAMESPACE/RUN, or one --jti, or one --exchange.')
  if (jti !== undefined) return { kind: 'jti', id: checked(jti, '--jti takes the claim jti of a token.') }
  if (exchange !== undefined) {
    return { kind: 'exchange', id: checked(exchange, '--exchange takes one exchange id, as a refusal ends with it.') }
  }
  const [, namespace, name] = runPattern.exec(operand(input, 'NAMESPACE/RUN')) ?? []
  if (namespace === undefined || name === undefined) {
    throw new UsageError('Name the run as NAMESPACE/RUN, such as payments/release-7.')
  }
  return { kind: 'run', namespace, name }
}

function checked(id: string, mend: string): string {
  if (!idPattern.test(id)) throw new UsageError(mend)
  return id
}
