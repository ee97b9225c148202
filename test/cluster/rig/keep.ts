import { readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { cache } from './places.ts'

/** How many versions of a thing stay in each folder of the cache: enough for a few branches side by side. */
const kept: Readonly<Record<string, number>> = { bin: 3, images: 3, 'image-stores': 3 }

/** Notes that a cached thing, named `<what>-<key>`, was of use just now. */
export async function markUsed(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now)
}

/** Removes the versions of each thing that have been out of use the longest. */
export async function forgetOld(): Promise<void> {
  for (const [folder, count] of Object.entries(kept)) {
    const byName = Map.groupBy(await versionsIn(join(cache, folder)), (version) => version.what)
    for (const versions of byName.values()) {
      versions.sort((one, other) => other.used - one.used)
      for (const version of versions.slice(count)) await rm(version.path, { recursive: true, force: true })
    }
  }
}

async function versionsIn(folder: string): Promise<readonly { path: string; what: string; used: number }[]> {
  return Promise.all(
    (await readdir(folder)).map(async (name) => {
      const path = join(folder, name)
      return { path, what: name.replace(/-[0-9a-f]{12}.*$/, ''), used: (await stat(path)).mtimeMs }
    }),
  )
}
