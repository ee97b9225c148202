import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it, type TestContext } from 'vitest'
import { stringify } from 'yaml'
import { resources } from '../../../../core/io/kube/api.ts'
import { createKubeClient } from '../../../../core/io/kube/client.ts'
import { loadCredentials } from '../../../../core/io/kube/credentials.ts'
import { inClusterCredentials } from '../../../../core/io/kube/in-cluster.ts'
import { Secret } from '../../../../core/secret.ts'
import { selfSignedCertificate } from '../../../fakes/certificate.ts'
import { answerJson, startScripted } from '../scripted-server.ts'

const signal = new AbortController().signal
const base64 = (text: string) => Buffer.from(text).toString('base64')

async function folder({ onTestFinished }: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tokenbroker-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

async function kubeconfig(context: TestContext, cluster: object, user: object): Promise<string> {
  const directory = await folder(context)
  const file = join(directory, 'config')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    contexts: [
      { name: 'main', context: { cluster: 'c', user: 'u' } },
      { name: 'other', context: { cluster: 'c2', user: 'u' } },
    ],
    clusters: [
      { name: 'c', cluster: { server: 'https://10.0.0.1:6443', ...cluster } },
      { name: 'c2', cluster: { server: 'https://10.0.0.2:6443' } },
    ],
    users: [{ name: 'u', user }],
  }
  await writeFile(file, stringify(config))
  return file
}

describe('inClusterCredentials', () => {
  it('names the files that the kubelet renews', () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' }

    expect(inClusterCredentials(env)).toEqual({
      server: 'https://10.96.0.1:443',
      ca: { file: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt' },
      token: { file: '/var/run/secrets/kubernetes.io/serviceaccount/token' },
    })
  })

  it('puts an IPv6 address into brackets', () => {
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }

    expect(inClusterCredentials(env).server).toBe('https://[fd00::1]:443')
  })

  it('says what to set outside a cluster', async () => {
    await expect(loadCredentials({ env: {} })).rejects.toThrow(/name a kubeconfig in KUBECONFIG$/)
    await expect(loadCredentials({ env: {}, setting: 'clusters.0.kubeconfig' })).rejects.toThrow(
      /name a kubeconfig in clusters\.0\.kubeconfig$/,
    )
  })
})

describe('loadCredentials', () => {
  it('reads server, authority and token', async (context) => {
    const cluster = { 'certificate-authority-data': base64('PEM'), 'tls-server-name': 'kubernetes' }

    const credentials = await loadCredentials({ kubeconfig: await kubeconfig(context, cluster, { token: 'abc' }) })

    expect(credentials).toEqual({
      server: 'https://10.0.0.1:6443',
      serverName: 'kubernetes',
      ca: { pem: 'PEM' },
      token: new Secret('abc'),
    })
    expect((credentials.token as Secret).reveal()).toBe('abc')
  })

  it('reads a client certificate from files beside the kubeconfig', async (context) => {
    const user = { 'client-certificate': 'user.crt', 'client-key': 'user.key' }
    const file = await kubeconfig(context, { 'certificate-authority': 'ca.crt' }, user)
    const directory = join(file, '..')

    expect(await loadCredentials({ kubeconfig: file })).toEqual({
      server: 'https://10.0.0.1:6443',
      ca: { file: join(directory, 'ca.crt') },
      cert: { file: join(directory, 'user.crt') },
      key: { file: join(directory, 'user.key') },
    })
  })

  it.for([
    ['a path beside the kubeconfig', {}],
    ['a path, which goes before a token', { token: 'abc' }],
  ] as const)('follows a token file: %s', async ([, user], context) => {
    const file = await kubeconfig(context, {}, { ...user, tokenFile: 'robot.token' })

    expect(await loadCredentials({ kubeconfig: file })).toEqual({
      server: 'https://10.0.0.1:6443',
      token: { file: join(file, '..', 'robot.token') },
    })
  })

  it('keeps an absolute path of a token file', async (context) => {
    const file = await kubeconfig(context, {}, { tokenFile: '/var/run/secrets/robot' })

    expect((await loadCredentials({ kubeconfig: file })).token).toEqual({ file: '/var/run/secrets/robot' })
  })

  it('keeps an inline key a Secret', async (context) => {
    const user = { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') }

    const credentials = await loadCredentials({ kubeconfig: await kubeconfig(context, {}, user) })

    expect(credentials.key).toBeInstanceOf(Secret)
    expect((credentials.key as Secret).reveal()).toBe('KEY')
    expect(credentials.cert).toEqual({ pem: 'CERT' })
  })

  it('takes the context that is asked for', async (context) => {
    const file = await kubeconfig(context, {}, { token: 'abc' })

    expect((await loadCredentials({ kubeconfig: file, context: 'other' })).server).toBe('https://10.0.0.2:6443')
    await expect(loadCredentials({ kubeconfig: file, context: 'none' })).rejects.toThrow(/no context "none"/)
  })

  it.for([
    [
      { 'insecure-skip-tls-verify': true },
      { token: 'abc' },
      /insecure-skip-tls-verify: give the certificate-authority/,
    ],
    [{ 'proxy-url': 'http://proxy' }, { token: 'abc' }, /proxy-url/],
    [{}, { username: 'admin', password: 'hunter2' }, /username and password/],
    [{}, { token: 'abc', as: 'root' }, /impersonation/],
  ] as const)('refuses %j with %j', async ([cluster, user, mend], context) => {
    const file = await kubeconfig(context, cluster, user)

    const error = await loadCredentials({ kubeconfig: file }).catch((failure: unknown) => failure)

    expect(String(error)).toMatch(mend)
    expect(String(error)).not.toContain('hunter2')
  })

  it('does not repeat a file that it cannot read', async (context) => {
    const file = join(await folder(context), 'config')
    await writeFile(file, 'users:\n- name: u\n  user: {token: hidden-token\n')

    const error = await loadCredentials({ kubeconfig: file }).catch((failure: unknown) => failure)

    expect(String(error)).toContain(`Kubeconfig ${file} cannot be read`)
    expect(inspect(error)).not.toContain('hidden-token')
    await expect(loadCredentials({ kubeconfig: `${file}x` })).rejects.toThrow(/ENOENT/)
  })

  it('asks a login plugin, and asks it again when its token was refused', async (context) => {
    // Given a plugin whose token is the number of its calls
    const plugin = join(await folder(context), 'plugin.sh')
    const credential =
      '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%s"}}'
    await writeFile(
      plugin,
      `#!/bin/sh\necho x >> "$0.calls"\nprintf '${credential}' "$(wc -l < "$0.calls" | tr -d ' ')"\n`,
    )
    await chmod(plugin, 0o755)
    const tls = await selfSignedCertificate()
    const answer = { metadata: { name: 'a', resourceVersion: '1' } }
    const server = await startScripted(
      context.onTestFinished,
      ({ headers }, response) => answerJson(response, headers.authorization === 'Bearer t2' ? 200 : 401, answer),
      tls,
    )
    const user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' } }
    const file = await kubeconfig(context, { server: server.url, 'certificate-authority-data': base64(tls.cert) }, user)
    let now = 1_000_000
    const credentials = await loadCredentials({ kubeconfig: file })
    const client = createKubeClient({ credentials, clock: () => new Date(now) })
    context.onTestFinished(() => client.close())
    const get = () => client.get(resources.pods, { namespace: 'ci', name: 'a' }, signal)

    await expect(get()).rejects.toMatchObject({ status: 401 })
    now += 1000
    await get()

    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t2'])
  })

  it('says how to find out why a login plugin fails', async (context) => {
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: '/nonexistent/plugin' }
    const file = await kubeconfig(context, {}, { exec })

    await expect(loadCredentials({ kubeconfig: file })).rejects.toThrow(/login plugin .* run kubectl/)
  })
})
