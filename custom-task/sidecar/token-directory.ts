import { lstat, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Secret } from '../../core/secret.ts'
import { createPolicyDirectory, writeReadOnly } from './policy-directory.ts'
import type { FileSet } from './token-files.ts'

/** The directory of one step: a directory per policy, and the key of the local API. */
export interface TokenDirectory {
  readonly path: string
  /**
   * Replaces the files of one policy together: whoever resolves `<name>/..data` once sees one version, never a mix.
   *
   * @throws Error of the file system, such as ENOSPC; then the files are what they were
   */
  publish(name: string, files: FileSet): Promise<void>
  writeKey(key: Secret): Promise<void>
  /** Removes everything that the sidecar put there. */
  clear(): Promise<void>
}

/** The directory cannot be used; the text says the mend. */
export class TokenDirectoryError extends Error {
  override readonly name = 'TokenDirectoryError'
}

export const keyFile = 'key'
export const socketFile = 'sidecar.sock'

/**
 * Takes possession of a step's directory. What an earlier start of the sidecar left there is removed, its key with it.
 *
 * @throws TokenDirectoryError when it is missing or no directory of its own; a symbolic link would lead tokens elsewhere
 */
export async function openTokenDirectory(path: string, names: readonly string[]): Promise<TokenDirectory> {
  const found = await lstat(path).catch((cause: unknown) => {
    throw new TokenDirectoryError(`${path} is missing: mount an emptyDir with medium Memory there`, { cause })
  })
  if (!found.isDirectory()) throw new TokenDirectoryError(`${path} is no directory: symbolic links are not followed`)
  const places = new Map(names.map((name) => [name, createPolicyDirectory(join(path, name))]))

  async function clear(): Promise<void> {
    await Promise.all([
      ...[...places.values()].map((place) => place.clear()),
      rm(join(path, keyFile), { force: true }),
      rm(join(path, socketFile), { force: true }),
    ])
  }

  await clear()
  return Object.freeze({
    path,
    async publish(name: string, files: FileSet): Promise<void> {
      const place = places.get(name)
      if (place === undefined) throw new TypeError('Not a directory of this step')
      await place.publish(files)
    },
    async writeKey(key: Secret): Promise<void> {
      const temporary = join(path, `..${keyFile}`)
      await rm(temporary, { force: true })
      await writeReadOnly(temporary, key.reveal())
      await rename(temporary, join(path, keyFile))
    },
    clear,
  })
}
