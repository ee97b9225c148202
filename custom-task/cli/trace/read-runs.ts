import { CommandFailure, exitCodes } from '../command.ts'
import { journalLines } from '../journal-files.ts'
import { belongingsOf, belongs, isWanted, needle, runKeyOf, type Wanted } from './find-runs.ts'
import { type TraceRecord, traceRecord } from './trace-record.ts'

/** Records of one question that are kept in memory; a run has a few dozen. */
const maxRecords = 20_000

export interface ReadRuns {
  /** Records of each run, oldest first, and each run once. */
  readonly runs: readonly (readonly TraceRecord[])[]
  /** Lines that are no records. */
  readonly damaged: number
}

/**
 * Goes through the journal three times: for the runs, for their records, and for what belongs to them without naming
 * them, which can stand before.
 *
 * @throws CommandFailure when it cannot be read, or holds more than one answer can show
 */
export async function readRuns(directory: string, wanted: Wanted, signal: AbortSignal): Promise<ReadRuns> {
  const { keys, damaged: unread } = await keysOf(directory, wanted, signal)
  if (keys.size === 0) return { runs: [], damaged: unread }
  const { records } = await collect(directory, signal, (record) => keys.has(runKeyOf(record) ?? ''))
  const runs = [...keys].map((key) => {
    const own = records.filter((record) => runKeyOf(record) === key)
    return { key, belongings: belongingsOf(own) }
  })
  const { records: all, damaged } = await collect(
    directory,
    signal,
    (record) => keys.has(runKeyOf(record) ?? '') || runs.some(({ belongings }) => belongs(record, belongings)),
  )
  return {
    damaged,
    runs: runs.map(({ key, belongings }) =>
      all.filter((record) => runKeyOf(record) === key || belongs(record, belongings)),
    ),
  }
}

async function keysOf(directory: string, wanted: Wanted, signal: AbortSignal) {
  const keys = new Set<string>()
  const hint = needle(wanted)
  let damaged = 0
  for await (const { text: line, isTerminated } of journalLines(directory, signal)) {
    if (line?.includes(hint) === false) continue
    const record = line === undefined ? undefined : traceRecord(line)
    const key = record !== undefined && isWanted(record, wanted) ? runKeyOf(record) : undefined
    if (record === undefined && isTerminated) damaged += 1
    if (key !== undefined) keys.add(key)
  }
  return { keys, damaged }
}

async function collect(directory: string, signal: AbortSignal, isOne: (record: TraceRecord) => boolean) {
  const records: TraceRecord[] = []
  let damaged = 0
  for await (const { text: line, isTerminated } of journalLines(directory, signal)) {
    const record = line === undefined ? undefined : traceRecord(line)
    // A line without its end is being written just now.
    if (record === undefined) damaged += isTerminated ? 1 : 0
    else if (isOne(record)) records.push(record)
    if (records.length > maxRecords) throw tooMany()
  }
  return { records, damaged }
}

function tooMany(): CommandFailure {
  const mend = 'list them with tokenbroker exchanges --run'
  return new CommandFailure(exitCodes.failed, `That is in more than ${maxRecords} records: ${mend}.`)
}
