import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { buildBinaries } from '../build.ts'
import { buildImages, type Images, referenceOf } from '../images.ts'
import type { ImageNames } from './facts.ts'
import { ensureImageStore } from './image-store.ts'
import { ensurePackages } from './packages.ts'
import { cache, logs } from './places.ts'
import type { Plan } from './plan.ts'
import { ensureSnapshot } from './snapshot.ts'

/** Everything that has to be there before the namespaces, where no network is, are entered. */
export async function prepareCluster(command?: readonly string[]): Promise<Plan> {
  await ensurePackages()
  await rm(logs, { recursive: true, force: true })
  await mkdir(logs, { recursive: true })
  const built = await buildBinaries()
  const images = await buildImages(built.tekton)
  const imageStore = await ensureImageStore(images)
  const snapshot = await ensureSnapshot(built)
  await forgetOld()
  return { kind: 'cluster', built, snapshot, imageStore, images: namesOf(images), ...(command ? { command } : {}) }
}

export function namesOf(images: Images): ImageNames {
  return {
    busybox: referenceOf('busybox'),
    node: referenceOf('node-base'),
    task: images.product.task?.reference ?? null,
    broker: images.product.broker?.reference ?? null,
  }
}

/** Old programs and images go when they have not been made for two weeks and newer ones exist. */
async function forgetOld(): Promise<void> {
  const twoWeeks = 14 * 86_400_000
  for (const folder of ['bin', 'images', 'image-stores']) {
    const entries = await Promise.all(
      (await readdir(join(cache, folder))).map(async (name) => {
        const path = join(cache, folder, name)
        return { path, group: name.replace(/-[0-9a-f]{12}.*$/, ''), made: (await stat(path)).ctimeMs }
      }),
    )
    for (const entry of entries) {
      const newer = entries.some((other) => other.group === entry.group && other.made > entry.made)
      if (newer && Date.now() - entry.made > twoWeeks) await rm(entry.path, { recursive: true, force: true })
    }
  }
}
