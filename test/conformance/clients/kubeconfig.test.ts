import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject as provided, test } from 'vitest'
import { granted } from '../../fakes/broker.ts'
import { giving, startScene } from './scene.ts'
import { serveTls } from './servers/listen.ts'
import { createTokens, type Tokens } from './tokens.ts'

/** What kubectl looks at before and while it gets a ConfigMap. */
const answers: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [{ name: 'configmaps', singularName: 'configmap', namespaced: true, kind: 'ConfigMap', verbs: ['get'] }],
  },
  '/api/v1/namespaces/team/configmaps/settings': {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name: 'settings', namespace: 'team' },
    data: { color: 'blue' },
  },
}

/** An API server that demands a valid token for everything. */
function startApi(tokens: Tokens) {
  return serveTls((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'https://api')
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const answer = answers[pathname]
    response.setHeader('content-type', 'application/json')
    if (!tokens.isValid(token)) response.writeHead(401).end(status(401, 'Unauthorized'))
    else if (answer === undefined) response.writeHead(404).end(status(404, 'NotFound'))
    else response.writeHead(200).end(JSON.stringify(answer))
  })
}

function status(code: number, reason: string): string {
  return JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message: reason, code })
}

const get = ['get', 'configmap', 'settings', '-n', 'team', '-o', 'jsonpath={.data.color}']

test('kubectl gets an object with a token that changes meanwhile', async () => {
  const tokens = createTokens()
  const { port, certificate } = await startApi(tokens)
  const scene = await startScene({
    annotations: { inject: 'cluster', as: 'kubeconfig' },
    policies: { cluster: { audience: `https://127.0.0.1:${port}`, scopes: ['read'] } },
    answer: giving(tokens.issue, 4),
  })
  const SSL_CERT_FILE = join(scene.home, 'ca.crt')
  await writeFile(SSL_CERT_FILE, certificate.ca)
  const kubectl = () => scene.run(provided('clients').kubectl, get, { env: { SSL_CERT_FILE } })

  expect(await kubectl()).toEqual({ code: 0, stdout: 'blue', stderr: '' })
  await expect.poll(() => tokens.isValid(tokens.issued[0] ?? ''), { timeout: 10_000 }).toBe(false)
  expect(await kubectl()).toEqual({ code: 0, stdout: 'blue', stderr: '' })
  expect(
    await scene.run(provided('clients').kubectl, get, { env: { SSL_CERT_FILE, KUBECONFIG: '/none' } }),
  ).toMatchObject({
    code: 1,
  })
})

test('kubectl has a context for each of two clusters', async () => {
  const all = { east: createTokens(), west: createTokens() }
  const servers = { east: await startApi(all.east), west: await startApi(all.west) }
  const url = (name: keyof typeof servers) => `https://127.0.0.1:${servers[name].port}`
  const scene = await startScene({
    annotations: { inject: 'east,west', as: 'east=kubeconfig,west=kubeconfig' },
    policies: { east: { audience: url('east'), scopes: ['read'] }, west: { audience: url('west'), scopes: ['read'] } },
    answer: ({ form }) => granted(all[form.get('policy') as keyof typeof all].issue(300), 300),
  })
  const SSL_CERT_FILE = join(scene.home, 'ca.crt')
  await writeFile(SSL_CERT_FILE, servers.east.certificate.ca + servers.west.certificate.ca)

  for (const context of ['east', 'west']) {
    const { kubectl } = provided('clients')
    expect(await scene.run(kubectl, ['--context', context, ...get], { env: { SSL_CERT_FILE } })).toMatchObject({
      stdout: 'blue',
    })
  }
})
