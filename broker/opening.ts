import { errorCode } from '../core/io/error-code.ts'
import { StartError } from '../core/io/start-error.ts'

/** The key of the configuration that a part is opened by, and what to change where the machine refuses it. */
export interface Setting {
  readonly key: string
  readonly mend: string
}

/** A directory on a volume; the image runs as this user. */
export const writableVolume = 'mount a volume that uid 65532 may write'

/**
 * Waits for a part to open.
 *
 * @throws StartError that names the key, for refusals of the part (with its own mend) and of the machine (with ours)
 */
export async function openedBy<T>({ key, mend }: Setting, opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch (cause) {
    if (cause instanceof StartError) throw new StartError(`${key}: ${cause.message}`, { cause: cause.cause })
    const code = errorCode(cause)
    if (code === undefined) throw cause
    throw new StartError(`${key} cannot be used (${code}): ${mend}`, { cause })
  }
}
