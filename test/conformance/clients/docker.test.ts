import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { giving, startScene } from './scene.ts'
import { startRegistry } from './servers/registry.ts'
import { createTokens } from './tokens.ts'

/** An image with an empty layer. @see OCI image layout specification */
async function writeImage(folder: string): Promise<void> {
  const blobs = join(folder, 'blobs/sha256')
  await mkdir(blobs, { recursive: true })
  const write = async (mediaType: string, content: Buffer) => {
    const digest = createHash('sha256').update(content).digest('hex')
    await writeFile(join(blobs, digest), content)
    return { mediaType, digest: `sha256:${digest}`, size: content.length }
  }
  const json = (value: object) => Buffer.from(JSON.stringify(value))
  const oci = 'application/vnd.oci.image'
  const layer = await write(`${oci}.layer.v1.tar`, Buffer.alloc(1024))
  const rootfs = { type: 'layers', diff_ids: [layer.digest] }
  const config = await write(`${oci}.config.v1+json`, json({ architecture: 'amd64', os: 'linux', config: {}, rootfs }))
  const manifest = await write(`${oci}.manifest.v1+json`, json({ schemaVersion: 2, config, layers: [layer] }))
  await writeFile(join(folder, 'index.json'), json({ schemaVersion: 2, manifests: [manifest] }))
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
}

test('skopeo pushes an image and looks at it, with the token as the password for its registry', async () => {
  const tokens = createTokens()
  const [registry, other] = [await startRegistry(tokens.isValid), await startRegistry(tokens.isValid)]
  const scene = await startScene({
    annotations: { inject: 'image=push-image', as: 'docker' },
    policies: { 'push-image': { audience: registry.url, scopes: ['push'] } },
    answer: giving(tokens.issue),
  })
  await writeImage(join(scene.home, 'image'))
  const copy = (to: string, ...more: readonly string[]) =>
    scene.run('skopeo', [
      '--insecure-policy',
      'copy',
      '--dest-tls-verify=false',
      ...more,
      'oci:image',
      `docker://${to}`,
    ])
  const { host } = new URL(registry.url)

  expect(await copy(`${host}/team/app:1`)).toMatchObject({ code: 0 })
  expect([...registry.tags.keys()]).toEqual(['team/app:1'])
  expect(
    await scene.run('skopeo', ['inspect', '--tls-verify=false', '--raw', `docker://${host}/team/app:1`]),
  ).toMatchObject({ code: 0, stdout: expect.stringContaining('schemaVersion') })
  expect(await copy(`${new URL(other.url).host}/team/app:1`)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/unauthorized|authentication required/i),
  })
})
