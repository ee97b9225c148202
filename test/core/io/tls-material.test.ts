import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it, type TestContext } from 'vitest'
import { createTlsMaterial, tlsOptions } from '../../../core/io/tls-material.ts'
import { selfSignedCertificate } from '../../fakes/certificate.ts'

async function scene({ onTestFinished }: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'tokenbroker-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const files = { cert: { file: join(directory, 'tls.crt') }, key: { file: join(directory, 'tls.key') } }
  const errors: unknown[] = []
  let now = 1_000_000
  const material = createTlsMaterial(files, {
    clock: () => new Date(now),
    maxAgeMs: 30_000,
    onError: (error) => errors.push(error),
  })
  const write = async (pair: { cert?: string; key?: string }): Promise<void> => {
    if (pair.cert) await writeFile(files.cert.file, pair.cert)
    if (pair.key) await writeFile(files.key.file, pair.key)
    now += 30_000
  }
  return { material, write, errors }
}

describe('createTlsMaterial', () => {
  it('is the very same object as long as the files say the same', async (context) => {
    const { material, write } = await scene(context)
    const pair = await selfSignedCertificate()
    await write(pair)
    const first = await material.current()

    await write(pair)

    expect(await material.current()).toBe(first)
  })

  it('keeps the last good pair until the new one is whole', async (context) => {
    const { material, write, errors } = await scene(context)
    await write(await selfSignedCertificate())
    const first = await material.current()
    const { cert, key } = await selfSignedCertificate()

    await write({ cert })
    expect(await material.current()).toBe(first)
    await write({ key })
    expect((await material.current()).cert).toBe(cert)

    expect(errors).toHaveLength(1)
  })

  it('refuses a pair that does not fit together when there is no older one', async (context) => {
    const { material, write } = await scene(context)
    const { cert } = await selfSignedCertificate()
    const { key } = await selfSignedCertificate()

    await write({ cert, key })

    await expect(material.current()).rejects.toThrow()
  })

  it('keeps the key a Secret until TLS takes it, and never goes below TLS 1.2', async (context) => {
    const { material, write } = await scene(context)
    const pair = await selfSignedCertificate()
    await write(pair)

    const current = await material.current()

    expect(inspect(current, { depth: 9, showHidden: true })).not.toContain('PRIVATE KEY')
    expect(tlsOptions(current)).toEqual({ minVersion: 'TLSv1.2', cert: pair.cert, key: pair.key })
  })
})
