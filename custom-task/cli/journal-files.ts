import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditLine, splitLines } from '../../core/audit/lines.ts'
import { parseSegmentName } from '../../core/audit/segment-name.ts'
import { CommandFailure, exitCodes } from './command.ts'
import { cannotBeRead } from './file-failure.ts'

/**
 * Every line of a journal directory, or of a copy of one, in the order in which it was written.
 *
 * @throws CommandFailure when the directory or a segment cannot be read
 */
export async function* journalLines(
  directory: string,
  signal: AbortSignal,
): AsyncGenerator<AuditLine, void, undefined> {
  for (const file of await segments(directory)) {
    signal.throwIfAborted()
    const path = join(directory, file)
    try {
      yield* splitLines(createReadStream(path, { signal }), { file })
    } catch (cause) {
      signal.throwIfAborted()
      throw cannotBeRead(path, 'every segment has to be a readable file', cause)
    }
  }
}

async function segments(directory: string): Promise<readonly string[]> {
  const files = await readdir(directory).catch((cause) => {
    throw cannotBeRead(directory, 'name the directory of the journal, or a copy of it', cause)
  })
  const found = files.filter((file) => parseSegmentName(file) !== undefined).sort()
  if (found.length === 0) {
    throw new CommandFailure(
      exitCodes.failed,
      `${directory} holds no journal: name the directory with its .jsonl segments.`,
    )
  }
  return found
}
