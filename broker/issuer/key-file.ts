import { constants, type Stats } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StartError } from '../../core/io/start-error.ts'
import { Secret } from '../../core/secret.ts'

const fileName = 'signing-keys.json'
const maxBytes = 1024 * 1024

export interface StoredKeyFile {
  readonly text: Secret
  /** Changes whenever the file is replaced. */
  readonly version: string
}

/** The file with the signing keys cannot be used; the message says the mend. */
export class KeyFileError extends StartError {
  override readonly name = 'KeyFileError'
  readonly code: 'readable_by_others' | 'not_a_file' | 'too_large' | 'missing' | 'unusable'

  constructor(code: KeyFileError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * @returns undefined when there is no such file
 * @throws KeyFileError
 */
export async function readKeyFile(directory: string, signal: AbortSignal): Promise<StoredKeyFile | undefined> {
  const path = join(directory, fileName)
  const file = await openToRead(path, signal)
  if (file === undefined) return undefined
  try {
    const stats = await file.stat()
    refuseUnsafe(path, stats)
    return { text: new Secret(await file.readFile({ encoding: 'utf8', signal })), version: versionOf(stats) }
  } finally {
    await file.close()
  }
}

async function openToRead(path: string, signal: AbortSignal): Promise<FileHandle | undefined> {
  signal.throwIfAborted()
  try {
    // Without O_NONBLOCK a named pipe in this place would block the start for ever.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    if (isErrorCode(cause, 'ENOENT')) return undefined
    throw new KeyFileError('unusable', `${path} cannot be read: give the broker's user access to it`, { cause })
  }
}

function refuseUnsafe(path: string, stats: Stats): void {
  if (!stats.isFile()) throw new KeyFileError('not_a_file', `${path} is not a file`)
  if ((stats.mode & 0o007) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
    throw new KeyFileError(
      'readable_by_others',
      `${path} has mode ${mode}, so everybody on the node may read the signing keys: set 0600, or defaultMode: 0440 with an fsGroup for a mounted Secret`,
    )
  }
  if (stats.size > maxBytes) throw new KeyFileError('too_large', `${path} is over ${maxBytes} bytes`)
}

/**
 * Replaces the file as one step: after a crash there is the old file or the new one, never half of it.
 *
 * @returns the new version
 * @throws KeyFileError
 */
export async function writeKeyFile(directory: string, text: Secret, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const path = join(directory, fileName)
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const version = await writeTemporary(`${path}.new`, text)
    await rename(`${path}.new`, path)
    await syncDirectory(directory)
    return version
  } catch (cause) {
    throw new KeyFileError('unusable', `${path} cannot be written: mount a volume that the broker may write`, { cause })
  }
}

async function writeTemporary(path: string, text: Secret): Promise<string> {
  // A leftover of a crash may have another mode, and `wx` must not follow a link that somebody put there.
  await rm(path, { force: true })
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text.reveal(), 'utf8')
    await file.sync()
    return versionOf(await file.stat())
  } finally {
    await file.close()
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function versionOf(stats: Stats): string {
  return `${stats.ino}:${stats.size}:${stats.mtimeMs}`
}

function isErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
