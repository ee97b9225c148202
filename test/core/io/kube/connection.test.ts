import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, type TestContext } from 'vitest'
import { resources } from '../../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../../core/io/kube/client.ts'
import { KubeUnreachable } from '../../../../core/io/kube/failure.ts'
import { Secret } from '../../../../core/secret.ts'
import { selfSignedCertificate } from '../../../fakes/certificate.ts'
import { answerJson, type Seen } from '../scripted-server.ts'
import { answerPod, pod, ref, refuse, type Script, setUp, signal } from './client-scene.ts'

describe('identity', () => {
  const bearer = ({ headers }: Seen) => headers.authorization

  it('sends a fixed token, and does not try again when it is refused', async (context) => {
    const { client, seen } = await setUp(context, refuse(401), { credentials: { token: new Secret('abc') } })

    await expect(client.get(resources.pods, ref, signal)).rejects.toMatchObject({ status: 401 })
    expect(seen.map(bearer)).toEqual(['Bearer abc'])
  })

  async function withTokenFile(context: TestContext, script: Script) {
    const directory = await mkdtemp(join(tmpdir(), 'tokenbroker-'))
    context.onTestFinished(() => rm(directory, { recursive: true }))
    const file = join(directory, 'token')
    await writeFile(file, 'first\n')
    let now = 1_000_000
    const clock = () => new Date(now)
    const scene = await setUp(context, script, { credentials: { token: { file } }, clock })
    const pass = (ms: number): void => {
      now += ms
    }
    return { ...scene, file, pass }
  }

  it('reads a token file again after a minute', async (context) => {
    const { client, seen, file, pass } = await withTokenFile(context, answerPod)
    await client.get(resources.pods, ref, signal)
    await writeFile(file, 'second')

    pass(59_000)
    await client.get(resources.pods, ref, signal)
    pass(1000)
    await client.get(resources.pods, ref, signal)

    expect(seen.map(bearer)).toEqual(['Bearer first', 'Bearer first', 'Bearer second'])
  })

  it('reads a token file again at once after a 401, also for a write', async (context) => {
    const { client, seen, file, pass } = await withTokenFile(context, ({ headers }, response) =>
      answerJson(response, headers.authorization === 'Bearer second' ? 201 : 401, pod),
    )
    await client.create(resources.pods, pod, signal).catch(() => undefined)
    await writeFile(file, 'second')

    pass(1000)
    await client.create(resources.pods, pod, signal)

    expect(seen.map(bearer)).toEqual(['Bearer first', 'Bearer first', 'Bearer second'])
  })

  it('does not send what is no token', async (context) => {
    const { client, seen, file } = await withTokenFile(context, answerPod)
    await writeFile(file, 'two\r\nlines')

    await expect(client.get(resources.pods, ref, signal)).rejects.toMatchObject({
      cause: { message: `File ${file} holds no bearer token` },
    })
    expect(seen).toEqual([])
  })

  it('trusts the authority of its credentials, and takes up a new one from its file', async (context) => {
    const [old, renewed] = [await selfSignedCertificate(), await selfSignedCertificate()]
    const directory = await mkdtemp(join(tmpdir(), 'tokenbroker-'))
    context.onTestFinished(() => rm(directory, { recursive: true }))
    const file = join(directory, 'ca.crt')
    await writeFile(file, old.cert)
    let now = 1_000_000
    const setting = { tls: renewed, credentials: { ca: { file } }, clock: () => new Date(now) }
    const { client } = await setUp(context, answerPod, setting)
    await expect(client.get(resources.pods, ref, signal)).rejects.toThrow(KubeUnreachable)

    await writeFile(file, renewed.cert)
    now += 30_000

    expect(await client.get(resources.pods, ref, signal)).toEqual(pod)
  })

  it.each([
    'http://10.0.0.1:6443',
    'http://example.com',
    'ftp://127.0.0.1',
    'https://user:pw@10.0.0.1',
    '10.0.0.1:6443',
    '',
  ])('refuses the server %j', (server) => {
    expect(() => createKubeClient({ credentials: { server } })).toThrow(TypeError)
  })
})
