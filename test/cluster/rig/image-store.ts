import { createHash } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image } from '../images/image.ts'
import type { Images } from '../images.ts'
import { run } from './command.ts'
import { configureContainerd, containerdAnswers, importImage } from './containerd.ts'
import { exists } from './files.ts'
import { markUsed } from './keep.ts'
import { withLock } from './lock.ts'
import { cache } from './places.ts'
import { say } from './progress.ts'
import { Supervisor } from './supervisor.ts'

/**
 * A containerd root with images already imported and unpacked, so that no run pays for that again.
 *
 * The product's images lie in a store of their own, made from the one with the base images: an edit of the product
 * imports two images, not nine.
 */
export async function ensureImageStore(images: Images): Promise<string> {
  return withLock('image-store', async () => {
    const base = await layer('base', images.base, undefined)
    const product = Object.values(images.product)
    return product.length > 0 ? layer('product', product, base) : base
  })
}

/**
 * Gives a run its own copy of a store. Layers and blobs never change once written, so links to them do; only the
 * databases are copied, and a run that deletes or adds something touches none but its own names.
 */
export async function copyImageStore(store: string, target: string): Promise<void> {
  await rm(target, { recursive: true, force: true })
  await mkdir(join(target, '..'), { recursive: true })
  await run('cp', ['-al', store, target])
  const databases = (await run('find', [store, '-name', '*.db', '-printf', '%P\n'])).trim().split('\n')
  await Promise.all(
    databases.map(async (file) => {
      await rm(join(target, file))
      await run('cp', ['-a', join(store, file), join(target, file)])
    }),
  )
}

/** The store that has these images on top of those of another store. */
async function layer(name: 'base' | 'product', images: readonly Image[], from: string | undefined): Promise<string> {
  const keys = images.map((image) => [image.reference, image.key])
  const key = createHash('sha256')
    .update(JSON.stringify([from ?? '', keys]))
    .digest('hex')
    .slice(0, 12)
  const store = join(cache, 'image-stores', `${name}-${key}`)
  if (await exists(store)) {
    await markUsed(store)
    return store
  }

  const began = performance.now()
  const directory = join(cache, 'image-stores', `${name}-${key}.making`)
  const root = join(directory, 'root')
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  if (from) await copyImageStore(from, root)
  await importInto(directory, root, images)
  await rename(root, store)
  await rm(directory, { recursive: true, force: true })
  say(`imported images in ${((performance.now() - began) / 1000).toFixed(1)} s`)
  return store
}

async function importInto(directory: string, root: string, images: readonly Image[]): Promise<void> {
  const supervisor = new Supervisor()
  const containerd = await configureContainerd(directory, root)
  const { command, args } = containerd.component
  // mount and network namespaces of its own: its mounts and its listening socket are nobody else's business
  const alone = ['--pdeathsig', 'KILL', 'unshare', '-m', '-n']
  supervisor.start({ name: 'containerd', command: 'setpriv', args: [...alone, command, ...args] })
  try {
    await supervisor.until('containerd', 'an answer', () => containerdAnswers(containerd.socket))
    for (const image of images) await importImage(containerd.socket, image)
  } finally {
    await supervisor.stop('containerd')
  }
}
