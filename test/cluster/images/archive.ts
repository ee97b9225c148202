import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../rig/command.ts'

export interface ImageConfig {
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Env?: readonly string[]
  readonly User?: string
}

/**
 * Packs a folder as a one-layer OCI image archive named `reference`.
 *
 * Owners and times are flattened, so the same files give the same image. The layer is not compressed: it never leaves
 * this machine, and compressing 150 MB would cost more than everything else here.
 */
export async function packImage(archive: string, reference: string, root: string, config: ImageConfig): Promise<void> {
  await mkdir(dirname(archive), { recursive: true })
  const layout = await mkdtemp(`${archive}.layout-`)
  try {
    const blobs = join(layout, 'blobs', 'sha256')
    await mkdir(blobs, { recursive: true })
    const layerFile = join(layout, 'layer.tar')
    await run('tar', [...flat, '-C', root, '-cf', layerFile, '.'])
    const layer = { digest: await digestOf(layerFile), size: (await stat(layerFile)).size }
    await rename(layerFile, join(blobs, layer.digest))

    const writeBlob = async (content: unknown): Promise<{ digest: string; size: number }> => {
      const bytes = Buffer.from(JSON.stringify(content))
      const digest = createHash('sha256').update(bytes).digest('hex')
      await writeFile(join(blobs, digest), bytes)
      return { digest: `sha256:${digest}`, size: bytes.length }
    }
    const platform = { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' }
    const configuration = await writeBlob({
      ...platform,
      config: {
        Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
        WorkingDir: '/',
        ...config,
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer.digest}`] },
      history: [{ created_by: 'tekton-token-broker test cluster' }],
    })
    const manifest = await writeBlob({
      schemaVersion: 2,
      mediaType: `${oci}.manifest.v1+json`,
      config: { mediaType: `${oci}.config.v1+json`, ...configuration },
      layers: [{ mediaType: `${oci}.layer.v1.tar`, digest: `sha256:${layer.digest}`, size: layer.size }],
    })
    // containerd reads the first annotation, buildah the second
    const annotations = { 'io.containerd.image.name': reference, 'org.opencontainers.image.ref.name': reference }
    const entry = { mediaType: `${oci}.manifest.v1+json`, ...manifest, platform, annotations }
    await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }))
    await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    await run('tar', ['-C', layout, '-cf', `${archive}.unfinished`, 'oci-layout', 'index.json', 'blobs'])
    await rename(`${archive}.unfinished`, archive)
  } finally {
    await rm(layout, { recursive: true, force: true })
  }
}

const oci = 'application/vnd.oci.image'
const flat = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0']

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}
