import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { apply, createNamespace, facts, kube } from './harness/cluster.ts'
import type { KubeObject } from './harness/kube.ts'
import { kubectl } from './harness/kubectl.ts'
import { startNode } from './harness/process.ts'
import { waitFor } from './harness/wait.ts'
import { type BrokerAnswer, type BrokerApi, connectBroker, exchangeForm, podToken } from './product/broker-api.ts'
import { generateAccess, subsetsOf } from './product/generated-access.ts'
import { installProduct } from './product/install.ts'
import { target } from './product/names.ts'
import { builtinProvider } from './product/payments.ts'

const apiVersion = 'tokenbroker.dev/v1alpha1'
const cli = join(import.meta.dirname, '../../custom-task/cli/main.ts')
const paused = provider('paused', { suspend: true })
let namespace: string
let broker: BrokerApi

beforeAll(async () => {
  broker = connectBroker((await installProduct()).authority)
  namespace = await createNamespace('policies')
  await apply([builtinProvider, paused])
})

afterAll(async () => {
  const client = await kube()
  for (const one of [paused, provider('generated', {}), clusterPolicy('shared')]) {
    await client.delete(await client.pathOf(one))
  }
  await broker.close()
  await client.close()
})

describe('condition Ready', () => {
  test.each<[string, object, string, RegExp]>([
    ['ready', {}, 'Ready', /^Tokens of at most 5m0s are issued by builtin\.$/],
    ['no-provider', { providerRef: { name: 'absent' } }, 'ProviderNotFound', /ClusterTokenProvider absent: create it/],
    [
      'other-audience',
      { audience: 'https://other.example.com' },
      'AudienceNotAtProvider',
      /does not list this audience/,
    ],
    [
      'other-scope',
      { scopes: ['deploy:staging', 'image:push'] },
      'ScopeNotAtProvider',
      /does not list image:push: add/,
    ],
    ['suspended', { suspend: true }, 'Suspended', /suspend is set on the policy or its provider/],
    ['provider-suspended', { providerRef: { name: 'paused' } }, 'Suspended', /suspend is set on the policy/],
    ['no-lifetime', { ttl: '0s' }, 'NoLifetime', /write one such as 5m/],
  ])('of policy %s', async (name, spec, reason, message) => {
    await apply([policy(name, spec)])
    const ready = await conditionOf(policy(name), reason)
    expect(ready).toMatchObject({ status: reason === 'Ready' ? 'True' : 'False', observedGeneration: 1 })
    expect(ready.message).toMatch(message)
  })

  test('of a provider', async () => {
    expect(await conditionOf(builtinProvider, 'Ready')).toMatchObject({ status: 'True' })
    expect(await conditionOf(paused, 'Suspended')).toMatchObject({ status: 'False' })
  })

  test('follows the policy and its provider', async () => {
    await apply([policy('followed', { providerRef: { name: 'late' } })])
    await conditionOf(policy('followed'), 'ProviderNotFound')
    const late = provider('late', {})
    await apply([late])
    await conditionOf(policy('followed'), 'Ready')
    await apply([policy('followed', { providerRef: { name: 'late' }, suspend: true })])
    expect(await conditionOf(policy('followed'), 'Suspended')).toMatchObject({ observedGeneration: 2 })
    await apply([policy('followed', { providerRef: { name: 'late' } })])
    await conditionOf(policy('followed'), 'Ready')
    const client = await kube()
    await client.delete(await client.pathOf(late))
    await conditionOf(policy('followed'), 'ProviderNotFound')
  })
})

describe('a ClusterTokenPolicy', () => {
  test('says whether it is usable, and stands where it selects', async () => {
    const forTenants = { namespaceSelector: { matchLabels: { tenant: 'yes' } } }
    const shared = clusterPolicy('shared', forTenants)
    await apply([shared])
    expect(await conditionOf(shared, 'Ready')).toMatchObject({ status: 'True', observedGeneration: 1 })
    const { stdout } = await kubectl('get', 'clustertokenpolicies,clustertokenproviders')
    expect(stdout).toMatch(/clustertokenpolicy\.tokenbroker\.dev\/shared +True +builtin/)

    const access = [...accessTo('deployer', 'deploy:staging'), idlePod('deployer')]
    await apply([account('deployer'), ...access])
    const ask = async () => await exchange('deployer', { policy: 'shared' })
    expect((await ask()).body).toMatchObject({ error: 'invalid_target' })
    const client = await kube()
    await client.patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { tenant: 'yes' } } })
    await waitFor('the namespace is selected', async (report) => {
      const { status, body } = await ask()
      report(body)
      return status === 200
    })
  })

  test('refuses by a validation with its name and message', async () => {
    const validations = [{ name: 'tagged', expression: 'has(event.tag)', message: 'only tags are released' }]
    await apply([account('deployer'), ...accessTo('deployer', 'deploy:staging'), idlePod('deployer')])
    await apply([policy('validated', { validations })])
    const { message } = await conditionOf(policy('validated'), 'Ready')
    expect(message).toMatch(/; validations cost at most \d+ of \d+ steps\.$/)
    expect((await exchange('deployer', { policy: 'validated' })).body).toMatchObject({
      error: 'access_denied',
      error_description: expect.stringContaining('Validation tagged refuses this: only tags are released'),
    })

    await apply([policy('mistaken', { validations: [{ ...validations[0], expression: 'run.pipelne == "x"' }] })])
    const mistaken = await conditionOf(policy('mistaken'), 'ExpressionInvalid')
    expect(mistaken.message).toBe('Validation tagged: character 5: No such key: pipelne.')
  })
})

describe('docs/guides/policies.md', () => {
  test('shows objects that are ready as they stand', async () => {
    const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/policies.md'), 'utf8')
    const shown = [...guide.matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
      .flatMap(([, text = '']) => parseAllDocuments(text).map((document) => document.toJS() as KubeObject))
      .map((one) => (one.kind === 'TokenPolicy' ? { ...one, metadata: { ...one.metadata, namespace } } : one))
    expect(shown.map(({ kind }) => kind)).toContain('ClusterTokenPolicy')
    await apply(shown)
    for (const one of shown) await conditionOf(one, 'Ready')
    const client = await kube()
    for (const one of shown) await client.delete(await client.pathOf(one))
  })
})

describe('kubectl auth can-i, who-can and the broker', () => {
  test('say the same of generated roles, bindings and requests', async () => {
    const accounts = ['ann', 'ben', 'cat', 'dan']
    const groups = ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${namespace}`]
    const scopes = ['repo:a', 'repo:b', 'repo:c', 'repo:d']
    await apply([
      provider('generated', { scopes: ['repo:*'] }),
      policy('generated', { providerRef: { name: 'generated' }, scopes: ['repo:*'] }),
      ...accounts.map(account),
      ...accounts.map(idlePod),
      ...generateAccess(namespace, { accounts, names: scopes.map((scope) => `generated:${scope}`), seed: 20 }),
    ])
    await conditionOf(policy('generated', { providerRef: { name: 'generated' } }), 'Ready')

    const pairs = accounts.flatMap((name) => scopes.map((scope) => [name, scope] as const))
    const answers = await Promise.all(
      pairs.map(async ([name, scope]) => {
        const user = `system:serviceaccount:${namespace}:${name}`
        const asked = ['auth', 'can-i', 'exchange', `tokenscopes/generated:${scope}`, '-n', namespace, '--as', user]
        return [`${name} ${scope}`, (await kubectl(...asked)).stdout.trim() === 'yes'] as const
      }),
    )
    const canI = new Map(answers)
    const counts = [true, false].map((is) => answers.filter(([, yes]) => yes === is).length)
    // One-sided roles would show nothing.
    expect(Math.min(...counts)).toBeGreaterThan(3)

    const listed = await Promise.all(scopes.map(whoCan))
    const held = pairs.map(([name, scope]) => {
      const holders = listed[scopes.indexOf(scope)] ?? []
      return [`${name} ${scope}`, [`${namespace}/${name}`, ...groups].some((one) => holders.includes(one))] as const
    })
    expect(held).toEqual(answers)

    const requests = accounts.flatMap((name) => subsetsOf(scopes).map((asked) => ({ name, asked })))
    const told = await Promise.all(
      requests.map(async ({ name, asked }) => {
        const { status, body } = await exchange(name, { policy: 'generated', scope: asked.join(' ') })
        return `${name} ${asked} ${status === 200 ? 'yes' : body['error']}`
      }),
    )
    expect(told).toEqual(
      requests.map(({ name, asked }) => {
        const isAllowed = asked.every((scope) => canI.get(`${name} ${scope}`))
        return `${name} ${asked} ${isAllowed ? 'yes' : 'invalid_scope'}`
      }),
    )
    expect(requests).toHaveLength(60)
  })
})

describe('kubectl', () => {
  test('get shows what matters of a policy', async () => {
    await apply([policy('shown')])
    await conditionOf(policy('shown'), 'Ready')
    const { stdout } = await kubectl('get', 'tkp', 'shown', '-n', namespace)
    expect(rows(stdout)).toEqual([
      ['NAME', 'READY', 'PROVIDER', 'AUDIENCE', 'TTL', 'MODE', 'AGE'],
      ['shown', 'True', 'builtin', target, '5m', 'Enforce', expect.stringMatching(/^\d+s$/)],
    ])
    const wide = await kubectl('get', 'tokenpolicies', 'shown', '-n', namespace, '-o', 'wide')
    expect(wide.stdout).toMatch(/ MESSAGE\n.* Tokens of at most 5m0s are issued by builtin\.\n/)
  })

  test('get shows what matters of a provider', async () => {
    await conditionOf(paused, 'Suspended')
    const { stdout } = await kubectl('get', 'ctp', 'paused')
    expect(rows(stdout)).toEqual([
      ['NAME', 'READY', 'SUSPENDED', 'MAX TTL', 'AGE'],
      ['paused', 'False', 'true', '15m', expect.stringMatching(/^\d+[ms]/)],
    ])
  })

  test('get tokenbroker shows all our kinds', async () => {
    await apply([policy('listed')])
    const { stdout } = await kubectl('get', 'tokenbroker', '-n', namespace, '-o', 'name')
    expect(stdout.split('\n')).toEqual(
      expect.arrayContaining(['clustertokenprovider.tokenbroker.dev/builtin', 'tokenpolicy.tokenbroker.dev/listed']),
    )
  })

  test('create role names a scope, and auth can-i answers what the role says', async () => {
    const account = `system:serviceaccount:${namespace}:deployer`
    const where = ['-n', namespace]
    const verb = ['--verb=exchange', '--resource=tokenscopes.tokenbroker.dev', '--resource-name=builtin:deploy:staging']
    expect(await kubectl('create', 'role', 'r', ...verb, ...where)).toMatchObject({ code: 0 })
    const bound = ['create', 'rolebinding', 'r', '--role=r', `--serviceaccount=${namespace}:deployer`]
    expect(await kubectl(...bound, ...where)).toMatchObject({ code: 0 })

    const canI = (scope: string, user: string) =>
      kubectl('auth', 'can-i', 'exchange', `tokenscopes/${scope}`, ...where, '--as', user)
    expect(await canI('builtin:deploy:staging', account)).toMatchObject({ code: 0, stdout: 'yes\n' })
    expect(await canI('builtin:deploy:production', account)).toMatchObject({ code: 1, stdout: 'no\n' })
    expect(await canI('builtin:deploy:staging', `${account}-2`)).toMatchObject({ code: 1, stdout: 'no\n' })
  })

  test('create cannot make a scope an object', async () => {
    const scope = { apiVersion, kind: 'TokenScope', metadata: { name: 'builtin.deploy', namespace }, spec: {} }
    await expect((await kube()).create(scope)).rejects.toThrow(
      /tokenscopes hold no objects: name <provider>:<scope> as a/,
    )
  })

  test('explain tells every field', async () => {
    const { stdout } = await kubectl('explain', 'tokenpolicy.spec.ttl')
    expect(stdout).toContain('Longest life of a token under this policy')
  })
})

function policy(name: string, spec: object = {}): KubeObject {
  const all = { audience: target, scopes: ['deploy:staging'], ...spec }
  return { apiVersion, kind: 'TokenPolicy', metadata: { name, namespace }, spec: all }
}

function clusterPolicy(name: string, spec: object = {}): KubeObject {
  const all = { audience: target, scopes: ['deploy:staging'], ...spec }
  return { apiVersion, kind: 'ClusterTokenPolicy', metadata: { name }, spec: all }
}

function account(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } }
}

/** Names of those who hold a scope of the policy `generated`. */
async function whoCan(scope: string, at: number): Promise<readonly string[]> {
  const what = ['--audience', target, '--scope', scope, '-n', namespace, '-o', 'json']
  const command = startNode(`who-can-${at}`, cli, ['who-can', ...what, '--kubeconfig', facts().kubeconfig])
  expect(await command.exited).toBe(0)
  const { holders } = JSON.parse(command.output()) as { holders: readonly { name: string; policy: string }[] }
  return holders.filter(({ policy }) => policy === 'generated').map(({ name }) => name)
}

/** A pod that no node takes: it exists, which is what a token is bound to. */
function idlePod(name: string): KubeObject {
  const spec = {
    serviceAccountName: name,
    nodeSelector: { nowhere: 'true' },
    containers: [{ name: 'idle', image: 'idle' }],
  }
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec }
}

/** Role and binding of one ServiceAccount. */
function accessTo(name: string, scope: string): readonly KubeObject[] {
  const apiGroup = 'rbac.authorization.k8s.io'
  const metadata = { name: `${name}-access`, namespace }
  const rule = {
    apiGroups: ['tokenbroker.dev'],
    resources: ['tokenscopes'],
    resourceNames: [`builtin:${scope}`],
    verbs: ['exchange'],
  }
  return [
    { apiVersion: `${apiGroup}/v1`, kind: 'Role', metadata, rules: [rule] },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup, kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  ]
}

async function exchange(pod: string, more: Readonly<Record<string, string>>): Promise<BrokerAnswer> {
  return await broker.post('/token', { ...exchangeForm(await podToken(namespace, pod)), ...more })
}

function provider(name: string, spec: object): KubeObject {
  const all = { builtin: {}, audiences: [target], scopes: ['deploy:staging'], ...spec }
  return { apiVersion, kind: 'ClusterTokenProvider', metadata: { name }, spec: all }
}

interface Ready {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
}

/** Condition `Ready` once it gives this reason for the newest form of the object. */
async function conditionOf(object: KubeObject, reason: string): Promise<Ready> {
  const client = await kube()
  const path = await client.pathOf(object)
  return await waitFor(`${object.metadata.name} says ${reason}`, async (report) => {
    const { metadata, status } = await client.get(path)
    const ready = (status?.conditions as readonly Ready[] | undefined)?.find(({ type }) => type === 'Ready')
    report(ready ?? 'no condition yet')
    const isNewest = status?.observedGeneration === metadata['generation']
    return isNewest && ready?.reason === reason && ready
  })
}

/** The cells of a table; kubectl parts columns by three spaces. */
function rows(stdout: string): readonly (readonly string[])[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/\s{2,}/).filter(Boolean))
}
