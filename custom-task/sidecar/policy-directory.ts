import { chmod, lstat, mkdir, readdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileSet } from './token-files.ts'

/** The files of one policy in one step. */
export interface PolicyDirectory {
  publish(files: FileSet): Promise<void>
  clear(): Promise<void>
}

const data = '..data'
const nextData = '..data_tmp'
const versionPattern = /^\.\.v\d+$/

/**
 * Keeps the layout of the kubelet's own volumes, which file watchers know, and swaps versions by renaming one link:
 * `token -> ..data/token`, `..data -> ..v3`, `..v3/token`.
 */
export function createPolicyDirectory(path: string): PolicyDirectory {
  let sequence = 0
  let current: string | undefined
  let previous: string | undefined
  let linked: readonly string[] = []

  async function swap(version: string): Promise<void> {
    await rm(join(path, nextData), { force: true })
    await symlink(version, join(path, nextData))
    await rename(join(path, nextData), join(path, data))
  }

  async function link(names: readonly string[]): Promise<void> {
    for (const name of names.filter((one) => !linked.includes(one))) await symlink(join(data, name), join(path, name))
    for (const name of linked.filter((one) => !names.includes(one))) await unlink(join(path, name))
    linked = names
  }

  return Object.freeze({
    async publish(files: FileSet): Promise<void> {
      if (await makeDirectory(path)) linked = []
      sequence += 1
      const version = `..v${sequence}`
      try {
        await writeVersion(join(path, version), files)
        await swap(version)
      } catch (error) {
        await removeVersion(join(path, version))
        throw error
      }
      const outdated = previous
      previous = current
      current = version
      await link(Object.keys(files))
      // One version back stays, for readers that have just resolved the link.
      if (outdated !== undefined) await removeVersion(join(path, outdated))
    },
    async clear(): Promise<void> {
      current = undefined
      previous = undefined
      linked = []
      await removeTree(path)
    },
  })
}

/** The umask may take bits away, and a step may run as any user: hence `chmod` after each creation. */
export async function writeReadOnly(path: string, content: string): Promise<void> {
  await writeFile(path, content, { flag: 'wx', mode: 0o444 })
  await chmod(path, 0o444)
}

async function writeVersion(path: string, files: FileSet): Promise<void> {
  await mkdir(path)
  for (const [name, content] of Object.entries(files)) await writeReadOnly(join(path, name), content)
  await chmod(path, 0o555)
}

/**
 * A link in its place, which a step with a writable mount could make, would lead the token elsewhere.
 *
 * @returns true when it was not there
 */
async function makeDirectory(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  const isNew = !found?.isDirectory()
  if (found?.isSymbolicLink()) await unlink(path)
  if (isNew) await mkdir(path)
  await chmod(path, 0o755)
  return isNew
}

async function removeVersion(path: string): Promise<void> {
  if (await isRealDirectory(path)) await chmod(path, 0o755)
  await rm(path, { recursive: true, force: true })
}

async function removeTree(path: string): Promise<void> {
  if (await isRealDirectory(path)) {
    const versions = (await readdir(path)).filter((name) => versionPattern.test(name))
    await Promise.all(versions.map((name) => removeVersion(join(path, name))))
  }
  await rm(path, { recursive: true, force: true })
}

async function isRealDirectory(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}
