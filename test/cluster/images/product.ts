import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { glob, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { run } from '../rig/command.ts'
import { exists, liesOnOverlay } from '../rig/files.ts'
import { markUsed } from '../rig/keep.ts'
import { cache, repository } from '../rig/places.ts'
import { say } from '../rig/progress.ts'
import type { Image } from './image.ts'

/** The project's own images: name and Dockerfile at the repository's root. */
const products = {
  task: { reference: 'localhost/tokenbroker-task:1', dockerfile: 'Dockerfile.task' },
  broker: { reference: 'localhost/tokenbroker-broker:1', dockerfile: 'Dockerfile.broker' },
} as const

export type ProductName = keyof typeof products

/**
 * Builds the images whose Dockerfile exists, from the rig's own Node base; unchanged inputs are not built again.
 *
 * Runs before the private namespaces exist, so a Dockerfile may use the network.
 */
export async function buildProductImages(base: Image): Promise<Partial<Record<ProductName, Image>>> {
  const built: Partial<Record<ProductName, Image>> = {}
  for (const [name, product] of Object.entries(products) as [ProductName, (typeof products)[ProductName]][]) {
    const dockerfile = join(repository, product.dockerfile)
    if (!(await exists(dockerfile))) continue
    const key = await inputKey(dockerfile, base)
    const archive = join(cache, 'images', `tokenbroker-${name}-${key}.tar`)
    if (await exists(archive)) await markUsed(archive)
    else await buildImage(product.reference, dockerfile, base, archive)
    built[name] = { name: `tokenbroker-${name}`, reference: product.reference, archive, key }
  }
  return built
}

async function buildImage(reference: string, dockerfile: string, base: Image, archive: string): Promise<void> {
  const began = performance.now()
  say(`building ${reference} from ${relative(repository, dockerfile)}`)
  await mkdir(join(cache, 'images'), { recursive: true })
  // the base is named after its key as well: buildah would take an older one of the same name from its store
  const baseReference = `${base.reference}-${base.key}`
  const known = await buildah(['images', '--quiet', '--filter', `reference=${baseReference}`]).catch(() => '')
  if (!known.trim()) {
    await buildah(['pull', '--quiet', `oci-archive:${base.archive}`])
    await buildah(['tag', base.reference, baseReference])
  }
  const build = ['--isolation', 'chroot', '--build-arg', `BASE=${baseReference}`, '-t', reference, '-f', dockerfile]
  await buildah(['bud', '--quiet', '--layers', ...(await networkVolumes()), ...build, repository])
  await rm(`${archive}.unfinished`, { force: true })
  await buildah(['push', '--quiet', reference, `docker-archive:${archive}.unfinished:${reference}`])
  await rename(`${archive}.unfinished`, archive)
  await tidyStore()
  say(`built ${reference} in ${((performance.now() - began) / 1000).toFixed(1)} s`)
}

/**
 * What steps that use the network get to see while they run, and no image keeps: this machine's root certificates,
 * which may have those of a proxy among them, and a folder for npm's downloads.
 */
async function networkVolumes(): Promise<readonly string[]> {
  const settings = join(cache, 'npm', 'npmrc')
  const downloads = join(cache, 'npm', 'downloads')
  await mkdir(downloads, { recursive: true })
  await writeFile(settings, `cafile=${rootCertificates}\ncache=${downloadsInside}\n`)
  const volumes = { [settings]: '/usr/local/etc/npmrc:ro', [downloads]: downloadsInside }
  if (await exists(rootCertificates)) volumes[rootCertificates] = `${rootCertificates}:ro`
  return Object.entries(volumes).flatMap(([here, inside]) => ['--volume', `${here}:${inside}`])
}

const rootCertificates = '/etc/ssl/certs/ca-certificates.crt'
const downloadsInside = '/var/cache/npm'

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

/** Hash of the Dockerfile, its base, and every file its COPY and ADD lines take from the repository. */
async function inputKey(dockerfile: string, base: Image): Promise<string> {
  const text = await readFile(dockerfile, 'utf8')
  const hash = createHash('sha256').update(base.key).update(text)
  for (const pattern of copiedSources(text)) {
    const files = new Set<string>()
    const patterns = [pattern, `${pattern.replace(/\/$/, '')}/**`]
    for await (const file of glob(patterns, { cwd: repository })) files.add(file)
    for (const file of [...files].sort()) await addFile(hash, file)
  }
  return hash.digest('hex').slice(0, 12)
}

function copiedSources(dockerfile: string): readonly string[] {
  return dockerfile
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => /^(COPY|ADD)\s/i.test(line) && !line.includes('--from='))
    .flatMap((line) =>
      line
        .split(/\s+/)
        .slice(1, -1)
        .filter((word) => !word.startsWith('--')),
    )
}

async function addFile(hash: Hash, file: string): Promise<void> {
  const path = join(repository, file)
  if (!(await stat(path)).isFile()) return
  hash.update(`\0${file}\0`)
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
}
