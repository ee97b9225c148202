import { chmod, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode } from '../../core/io/error-code.ts'
import { TokenDirectoryError } from './token-directory.ts'

/**
 * Makes the directory of a step in the volume that the sidecar mounts whole, before the step's own mount (a `subPath`)
 * looks for it. One that is there stays: the mount of a step that runs holds on to it.
 *
 * @throws TokenDirectoryError when the volume is missing or cannot be written
 */
export async function makeStepDirectory(volume: string, path: string): Promise<void> {
  if (dirname(path) !== volume) return
  try {
    await mkdir(path)
    // The umask may have taken bits away, and a step runs as any user.
    await chmod(path, 0o755)
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') return
    throw new TokenDirectoryError(`${volume} cannot be used: mount an emptyDir with medium Memory there, writable`, {
      cause,
    })
  }
}
