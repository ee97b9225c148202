import { stat } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { Delay } from '../../core/io/system.ts'

export interface WaitDeps {
  readonly delay: Delay
  readonly log: Pick<Logger, 'info'>
}

const lookMs = 500

/**
 * Resolves when every file is there and holds something: on a fresh installation certificates are made while we start,
 * and a restart of the container would cost more than a look twice a second.
 *
 * @throws the signal's reason
 */
export async function waitForFiles(
  files: readonly string[],
  { delay, log }: WaitDeps,
  signal: AbortSignal,
): Promise<void> {
  let missing = await missingOf(files)
  if (missing.length > 0) log.info({ files: missing }, 'waiting for files')
  while (missing.length > 0) {
    await delay(lookMs, signal)
    missing = await missingOf(files)
  }
}

async function missingOf(files: readonly string[]): Promise<readonly string[]> {
  const sizes = await Promise.all(
    files.map(async (file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return files.filter((_, i) => sizes[i] === 0)
}
