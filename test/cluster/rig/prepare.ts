import { mkdir, rm } from 'node:fs/promises'
import { buildBinaries } from '../build.ts'
import { buildImages, type Images, referenceOf } from '../images.ts'
import type { ImageNames } from './facts.ts'
import { ensureImageStore } from './image-store.ts'
import { forgetOld } from './keep.ts'
import { ensurePackages } from './packages.ts'
import { logs } from './places.ts'
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
    curl: referenceOf('curl'),
    tools: referenceOf('tools'),
    task: images.product.task?.reference ?? null,
    broker: images.product.broker?.reference ?? null,
  }
}
