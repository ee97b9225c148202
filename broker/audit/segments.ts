import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditLine, splitLines } from '../../core/audit/lines.ts'
import { parseSegmentName, type SegmentName } from '../../core/audit/segment-name.ts'

/** A file of the journal. */
export interface Segment extends SegmentName {
  readonly file: string
  readonly path: string
}

const chunkBytes = 256 * 1024

/** The segments of a directory in the order of writing; other files are passed over. */
export async function listSegments(directory: string): Promise<readonly Segment[]> {
  const files = await readdir(directory)
  return files.sort().flatMap((file) => {
    const name = parseSegmentName(file)
    return name === undefined ? [] : [{ ...name, file, path: join(directory, file) }]
  })
}

/** Lines of one segment from a byte offset on, which must be the start of a line. */
export function readLines(segment: Segment, offset: number, signal: AbortSignal): AsyncIterable<AuditLine> {
  const chunks = createReadStream(segment.path, { start: offset, highWaterMark: chunkBytes, signal })
  return splitLines(chunks, { file: segment.file, offset })
}
