import type { AuditRecord } from '../../core/audit/event.ts'
import type { AuditLine } from '../../core/audit/lines.ts'
import { parseRecord } from '../../core/audit/parse-record.ts'
import { JournalUnusable } from './journal-unusable.ts'
import { listSegments, readLines, type Segment } from './segments.ts'

interface RecordReaderOptions {
  readonly directory: string
  readonly chainUid: string
  /** Last sequence that was read already; 0 for none. */
  readonly after: number
}

/**
 * Reads records of one chain from its files and remembers the place, so that a follower pays for what is new alone.
 * Nothing is held in memory for a slow reader.
 */
export class RecordReader {
  readonly #options: RecordReaderOptions
  #after: number
  #place: { readonly segment: Segment; readonly offset: number } | undefined

  constructor(options: RecordReaderOptions) {
    this.#options = options
    this.#after = options.after
  }

  /**
   * Records behind the last one read, up to and with `sequence`, which must be durable.
   *
   * @throws JournalUnusable when the files were changed beneath the running broker
   */
  async *readUpTo(sequence: number, signal: AbortSignal): AsyncGenerator<AuditRecord, void, undefined> {
    while (this.#after < sequence) {
      const remembered = this.#place
      const place = remembered ?? (await this.#find())
      const before = this.#after
      this.#place = undefined
      yield* this.#readSegment(place, sequence, signal)
      // A remembered place may be the end of its file; one just found must hold the next record.
      if (this.#after === before && remembered === undefined) throw gone(before + 1)
    }
  }

  async *#readSegment(
    { segment, offset }: { readonly segment: Segment; readonly offset: number },
    sequence: number,
    signal: AbortSignal,
  ): AsyncGenerator<AuditRecord, void, undefined> {
    for await (const line of readLines(segment, offset, signal)) {
      const record = recordIn(line)
      const read = Number(record?.sequence)
      if (record === undefined || read > this.#after + 1) throw gone(this.#after + 1)
      if (read <= this.#after) continue
      this.#after = read
      this.#place = { segment, offset: line.end }
      yield record
      if (read === sequence) return
    }
    this.#place = undefined
  }

  async #find(): Promise<{ readonly segment: Segment; readonly offset: number }> {
    const { directory, chainUid } = this.#options
    const segments = await listSegments(directory)
    const segment = segments.findLast((each) => each.chainUid === chainUid && each.firstSequence <= this.#after + 1)
    const oldest = segments.find((each) => each.chainUid === chainUid)
    if (segment !== undefined) return { segment, offset: 0 }
    // Asked from the beginning after whole segments were pruned: begin with the oldest that is left.
    if (oldest === undefined || this.#after > 0) throw gone(this.#after + 1)
    this.#after = oldest.firstSequence - 1
    return { segment: oldest, offset: 0 }
  }
}

function recordIn({ text, isTerminated }: AuditLine): AuditRecord | undefined {
  return isTerminated && text !== undefined ? parseRecord(text) : undefined
}

function gone(sequence: number): JournalUnusable {
  return new JournalUnusable('damaged', `Record ${sequence} of the audit journal cannot be read any more`)
}
