import { createHash } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BuiltModule, buildBinaries } from './build.ts'
import { packImage } from './images/archive.ts'
import { busybox, curl, nodeBase, pause, type Recipe, tektonProgram, tools } from './images/base.ts'
import type { Image } from './images/image.ts'
import { buildProductImages } from './images/product.ts'
import { exists } from './rig/files.ts'
import { markUsed } from './rig/keep.ts'
import { withLock } from './rig/lock.ts'
import { cache } from './rig/places.ts'
import { fail, say } from './rig/progress.ts'

/** Programs of Tekton that run inside pods, each from an image of its own. */
export const tektonPrograms = ['entrypoint', 'nop', 'workingdirinit', 'sidecarlogresults'] as const

export interface Images {
  /** What the rig needs whatever is tested; changes rarely. */
  readonly base: readonly Image[]
  /** What this repository builds; changes with every edit. */
  readonly product: Partial<Record<'task' | 'broker', Image>>
}

export function referenceOf(name: string): string {
  return name === 'node-base' ? `localhost/node-base:${process.versions.node.split('.')[0]}` : `localhost/${name}:1`
}

/** Makes every image that is not in the cache yet. */
export async function buildImages(tekton: BuiltModule): Promise<Images> {
  return withLock('images', async () => {
    const node = await make('node-base', nodeBase, process.version)
    const base = await Promise.all([
      make('pause', pause, ''),
      make('busybox', busybox, ''),
      make('curl', curl, ''),
      make('tools', tools, ''),
      ...tektonPrograms.map((program) =>
        make(`tekton-${program}`, tektonProgram(tekton.directory, program), tekton.key),
      ),
    ])
    return { base: [...base, node], product: await buildProductImages(node) }
  })
}

async function make(name: string, recipe: Recipe, input: string): Promise<Image> {
  const hash = createHash('sha256').update(JSON.stringify([name, input, process.arch, 1]))
  for (const file of ['archive.ts', 'base.ts']) hash.update(await readFile(join(import.meta.dirname, 'images', file)))
  const key = hash.digest('hex').slice(0, 12)
  const archive = join(cache, 'images', `${name}-${key}.tar`)
  const image = { name, reference: referenceOf(name), archive, key }
  if (await exists(archive)) {
    await markUsed(archive)
    return image
  }

  say(`making image ${image.reference}`)
  const root = await mkdtemp(join(tmpdir(), `image-${name}-`))
  // this folder becomes the image's `/`, through which every user of a pod has to pass
  await chmod(root, 0o755)
  try {
    await packImage(archive, image.reference, root, await recipe(root))
  } finally {
    await rm(root, { recursive: true, force: true })
  }
  return image
}

if (import.meta.main) {
  buildBinaries(['tekton'])
    .then(({ tekton }) => buildImages(tekton))
    .then((images) => process.stdout.write(`${JSON.stringify(images, undefined, 2)}\n`), fail)
}
