import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditLine, splitLines } from '../../core/audit/lines.ts'
import { parseSegmentName } from '../../core/audit/segment-name.ts'
import { CommandFailure, exitCodes } from './command.ts'

/** Every line of a journal directory, or of a copy of one, in the order in which it was written. */
export async function* journalLines(directory: string): AsyncGenerator<AuditLine, void, undefined> {
  for (const file of await segments(directory)) {
    yield* splitLines(createReadStream(join(directory, file)), { file })
  }
}

async function segments(directory: string): Promise<readonly string[]> {
  const files = await readdir(directory).catch((cause) => {
    throw new CommandFailure(exitCodes.failed, `${directory} cannot be read: name the directory of the journal.`, {
      cause,
    })
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
