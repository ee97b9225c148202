import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createGzip } from 'node:zlib'

/** Bytes of one image, as a node holds it and as a registry sends it. */
export interface ImageSize {
  readonly name: string
  readonly layers: readonly { readonly digest: string; readonly unpacked: number; readonly compressed: number }[]
}

/** Builds both images as the test cluster does, and weighs their layers. Needs what `npm run test:cluster` needs. */
export async function weighImages(): Promise<readonly ImageSize[]> {
  const script = join(import.meta.dirname, '../cluster/images.ts')
  const output = execFileSync(process.execPath, [script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  const { product } = JSON.parse(output) as {
    readonly product: Readonly<Record<string, { readonly name: string; readonly archive: string }>>
  }
  const known = new Map<string, number>()
  const images: ImageSize[] = []
  for (const { name, archive } of Object.values(product)) {
    const layers = []
    for (const digest of layersOf(archive)) {
      // Both images share a layer, and to compress it takes seconds.
      const compressed = known.get(digest) ?? (await sizeOf(archive, digest, { isCompressed: true }))
      known.set(digest, compressed)
      layers.push({ digest, unpacked: await sizeOf(archive, digest, { isCompressed: false }), compressed })
    }
    images.push({ name, layers })
  }
  return images
}

function layersOf(archive: string): readonly string[] {
  const text = execFileSync('tar', ['-xOf', archive, 'manifest.json'], { encoding: 'utf8' })
  const [{ Layers = [] } = {}] = JSON.parse(text) as readonly { readonly Layers?: readonly string[] }[]
  return Layers
}

async function sizeOf(
  archive: string,
  file: string,
  { isCompressed }: { readonly isCompressed: boolean },
): Promise<number> {
  const { stdout } = spawn('tar', ['-xOf', archive, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  let bytes = 0
  for await (const chunk of isCompressed ? stdout.pipe(createGzip()) : stdout) bytes += (chunk as Buffer).byteLength
  return bytes
}
