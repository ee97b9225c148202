import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../rig/command.ts'
import { exists, liesOnOverlay } from '../rig/files.ts'
import { markUsed } from '../rig/keep.ts'
import { cache, repository } from '../rig/places.ts'
import { say } from '../rig/progress.ts'
import type { Image } from './image.ts'

/** The project's own images, each with a `Dockerfile.<name>` and a bundle of that name. */
const productNames = ['task', 'broker'] as const

export type ProductName = (typeof productNames)[number]

/**
 * Bundles the product and builds its images from the rig's own Node base; an unchanged bundle is not built again.
 *
 * The build context is a folder of its own with nothing in it but the bundle and what fills the root, as `.dockerignore`
 * would have it; the `dist` folder of the checkout, which may be of another time, is neither read nor written.
 */
export async function buildProductImages(base: Image): Promise<Partial<Record<ProductName, Image>>> {
  const built: Partial<Record<ProductName, Image>> = {}
  for (const name of productNames) {
    const image = await withContext(name, (context) => buildProductImage(name, base, context))
    if (image) built[name] = image
    else say(`there is no image of "${name}": the repository has no entry point for it yet`)
  }
  return built
}

async function withContext<T>(name: ProductName, work: (context: string) => Promise<T>): Promise<T> {
  const context = await mkdtemp(join(tmpdir(), `context-${name}-`))
  try {
    return await work(context)
  } finally {
    await rm(context, { recursive: true, force: true })
  }
}

async function buildProductImage(name: ProductName, base: Image, context: string): Promise<Image | undefined> {
  const dockerfile = join(repository, `Dockerfile.${name}`)
  const bundler = join(repository, 'build', 'bundle.ts')
  if (!(await exists(dockerfile)) || !(await exists(bundler))) return undefined
  await run(process.execPath, [bundler, name, '--outdir', join(context, 'dist', name)], { cwd: repository })
  if ((await readdir(join(context, 'dist', name))).length === 0) return undefined
  for (const file of ['build/elf.ts', 'build/image-root.ts']) await cp(join(repository, file), join(context, file))

  const key = await inputKey(dockerfile, base, context)
  const archive = join(cache, 'images', `tokenbroker-${name}-${key}.tar`)
  const image = { name: `tokenbroker-${name}`, reference: `localhost/tokenbroker-${name}:1`, archive, key }
  if (await exists(archive)) await markUsed(archive)
  else await buildImage(image, dockerfile, base, context)
  return image
}

async function buildImage(image: Image, dockerfile: string, base: Image, context: string): Promise<void> {
  const began = performance.now()
  // the base is named after its key as well: buildah would take an older one of the same name from its store
  const baseReference = `${base.reference}-${base.key}`
  const known = await buildah(['images', '--quiet', '--filter', `reference=${baseReference}`]).catch(() => '')
  if (!known.trim()) {
    await buildah(['pull', '--quiet', `oci-archive:${base.archive}`])
    await buildah(['tag', base.reference, baseReference])
  }
  const build = [
    '--isolation',
    'chroot',
    '--build-arg',
    `BASE=${baseReference}`,
    '-t',
    image.reference,
    '-f',
    dockerfile,
  ]
  await buildah(['bud', '--quiet', '--layers', ...build, context])
  await rm(`${image.archive}.unfinished`, { force: true })
  await buildah(['push', '--quiet', image.reference, `docker-archive:${image.archive}.unfinished:${image.reference}`])
  await rename(`${image.archive}.unfinished`, image.archive)
  await tidyStore()
  say(`built ${image.reference} in ${((performance.now() - began) / 1000).toFixed(1)} s`)
}

/** Layers of earlier builds make the next one quick; after many edits they are only a burden. */
async function tidyStore(): Promise<void> {
  const images = (await buildah(['images', '--all', '--quiet'])).trim().split('\n')
  if (images.length > 80) await buildah(['rmi', '--all', '--force'])
}

/** buildah with a store of its own; the mount namespace takes the overlay mount away that it leaves on the store. */
async function buildah(args: readonly string[]): Promise<string> {
  const store = join(cache, 'buildah')
  await mkdir(store, { recursive: true })
  const places = ['--root', join(store, 'root'), '--runroot', join(store, 'run')]
  const storage = ['--storage-driver', (await liesOnOverlay(store)) ? 'vfs' : 'overlay']
  return run('unshare', ['-m', 'buildah', ...places, ...storage, ...args])
}

/** Hash of the Dockerfile, its base, and every file of the context. */
async function inputKey(dockerfile: string, base: Image, context: string): Promise<string> {
  const hash = createHash('sha256')
    .update(base.key)
    .update(await readFile(dockerfile))
  for (const file of (await readdir(context, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  )) {
    const path = join(file.parentPath, file.name)
    hash.update(`\0${path.slice(context.length)}\0`).update(await readFile(path))
  }
  return hash.digest('hex').slice(0, 12)
}
