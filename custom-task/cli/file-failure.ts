import { errorCode } from '../../core/io/error-code.ts'
import { CommandFailure, exitCodes } from './command.ts'

const words: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be read by this user',
  EISDIR: 'is a directory',
  ENOTDIR: 'is no directory',
}

/** What a person is told of a file that cannot be read: why, and what to do. */
export function cannotBeRead(path: string, mend: string, cause: unknown): CommandFailure {
  const code = errorCode(cause)
  const why = words[code ?? ''] ?? `cannot be read (${code ?? 'unknown error'})`
  return new CommandFailure(exitCodes.failed, `${path} ${why}: ${mend}.`, { cause })
}
