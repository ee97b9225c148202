/** One line of a journal file, with where it stands. */
export interface AuditLine {
  readonly file: string
  /** Counts from 1. */
  readonly line: number
  /** Byte offset of the line's first byte in its file. */
  readonly offset: number
  /** Byte offset behind the line feed. */
  readonly end: number
  /** `undefined` when the bytes are no UTF-8, or too many. */
  readonly text: string | undefined
  /** False for a last line without line feed. */
  readonly isTerminated: boolean
}

export interface LineSource {
  readonly file: string
  /** Offset of the first chunk in its file, which must be the start of a line. Default 0. */
  readonly offset?: number
}

const lineFeed = 0x0a
/** Four times what is ever written: bounds memory whatever the file holds. */
const maxLineBytes = 64 * 1024

/** Splits the bytes of one journal file into lines, in bounded memory. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  source: LineSource,
): AsyncGenerator<AuditLine, void, undefined> {
  const pending = createPendingLine(source)
  for await (const chunk of chunks) {
    let start = 0
    for (let feed = chunk.indexOf(lineFeed); feed >= 0; feed = chunk.indexOf(lineFeed, start)) {
      pending.add(chunk.subarray(start, feed))
      start = feed + 1
      yield pending.take(true)
    }
    pending.add(chunk.subarray(start))
  }
  if (pending.sizeBytes() > 0) yield pending.take(false)
}

/** The line that is being collected over chunks. */
function createPendingLine(source: LineSource) {
  // ignoreBOM keeps a byte order mark in the text, where it shows as the edit that it is.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let parts: Uint8Array[] = []
  let size = 0
  let line = 0
  let offset = source.offset ?? 0

  function add(part: Uint8Array): void {
    size += part.byteLength
    if (size > maxLineBytes) parts = []
    else if (part.byteLength > 0) parts.push(part)
  }

  function take(isTerminated: boolean): AuditLine {
    const end = offset + size + (isTerminated ? 1 : 0)
    const text = size > maxLineBytes ? undefined : decode()
    const taken = { file: source.file, line: ++line, offset, end, text, isTerminated }
    parts = []
    size = 0
    offset = end
    return taken
  }

  function decode(): string | undefined {
    try {
      return decoder.decode(parts.length === 1 ? parts[0] : joined())
    } catch {
      return undefined
    }
  }

  function joined(): Uint8Array {
    const bytes = new Uint8Array(size)
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.byteLength
    }
    return bytes
  }

  return { add, take, sizeBytes: () => size }
}
