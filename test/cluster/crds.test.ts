import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { apply, createNamespace, kube } from './harness/cluster.ts'
import { KubeError, type KubeObject, type ObjectMeta } from './harness/kube.ts'
import { kubectl } from './harness/kubectl.ts'
import { applyDefinitions } from './product/install.ts'
import { release, system, target } from './product/names.ts'
import { changed, type Schema, violationsOf } from './product/violations.ts'

const charts = join(import.meta.dirname, '../../charts/crds')
const apiVersion = 'tokenbroker.dev/v1alpha1'
let namespace: string

beforeAll(async () => {
  await applyDefinitions()
  namespace = await createNamespace('crds')
  await apply(plurals.map((plural) => object(plural)))
})

afterAll(async () => {
  const client = await kube()
  for (const plural of plurals) await client.delete(await client.pathOf(object(plural)))
  await client.close()
})

const lastTransitionTime = '2026-01-01T00:00:00Z'
const condition = {
  type: 'Tried',
  status: 'True',
  observedGeneration: 1,
  lastTransitionTime,
  reason: 'Tried',
  message: '-',
}
const status = { observedGeneration: 1, conditions: [condition] }

const namespaceSelector = {
  matchLabels: { team: 'payments' },
  matchExpressions: [{ key: 'tier', operator: 'In', values: ['production'] }],
}
const approval = { groups: ['release-managers'], required: 1, expiresAfter: '30m' }
const agentRules = {
  groups: ['system:serviceaccounts:bots'],
  initiators: ['copilot'],
  approval: 'Always',
  ttl: '2m',
  scopes: ['deploy:*'],
  budgetPerRun: 3,
  budgetPerHour: 20,
}

/** Every field that both kinds of policy have. */
const policy = {
  providerRef: { name: 'builtin' },
  audience: target,
  scopes: ['deploy:staging'],
  serviceAccounts: ['deployer'],
  runs: {
    assurance: 'verified',
    source: [{ uri: 'git+https://git.example.com/p.git', revisions: ['main'], entryPoints: ['release.yaml'] }],
    pipelines: ['release'],
    eventListeners: [{ namespace: 'ci', name: 'github' }],
    podTemplate: 'Deny',
  },
  validations: [{ name: 'main-only', expression: 'event.ref == "refs/heads/main"', message: 'only main may deploy' }],
  ttl: '5m',
  approval,
  agents: { serviceAccounts: ['copilot'], ...agentRules },
  allowLongerUpstream: false,
  mode: 'Enforce',
  suspend: false,
}

/** Every field of every kind, with good values. */
const samples = {
  tokenpolicies: { kind: 'TokenPolicy', spec: policy, status },
  clustertokenpolicies: { kind: 'ClusterTokenPolicy', spec: { ...policy, namespaceSelector }, status },
  clustertokenproviders: {
    kind: 'ClusterTokenProvider',
    spec: {
      builtin: {
        algorithm: 'RS256',
        tokenType: 'at+jwt',
        perAudience: [{ audience: target, algorithm: 'ES256', tokenType: 'JWT' }],
      },
      audiences: [target],
      scopes: ['deploy:staging'],
      limits: {
        maxTTL: '15m',
        secretDelivery: false,
        require: [{ scopes: ['deploy:production'], assurance: 'verified', approval }],
        agents: { serviceAccounts: ['bots/copilot'], ...agentRules },
      },
      namespaceSelector,
      suspend: true,
    },
    status,
  },
} as const
type Plural = keyof typeof samples
const plurals = Object.keys(samples) as readonly Plural[]

describe.each(plurals)('%s', (plural) => {
  const { spec, kind } = samples[plural]
  const schema = schemaOf(plural)

  test.each(violationsOf(field(schema, 'spec'), spec, ['spec']))('refuses: $title', async ({ path, value, says }) => {
    const refusal = await refused(() => create(changed(object(plural), path, value) as KubeObject))
    expect(refusal).toMatch(says)
    expect(refusal).toContain(lastField(path))
  })

  test.each(violationsOf(field(schema, 'status'), status, ['status']))(
    'refuses: $title',
    async ({ path, value, says }) => {
      const refusal = await refused(() => patchStatus(plural, changed({ status }, path, value)))
      expect(refusal).toMatch(says)
      expect(refusal).toContain(lastField(path))
    },
  )

  test('has its status written apart from its spec', async () => {
    const client = await kube()
    const { apiVersion, kind, spec } = object(plural)
    const changes = { apiVersion, kind, spec: { ...spec, suspend: !spec.suspend }, status }
    const path = await client.pathOf(object(plural))
    expect(await client.patch(path, changes, dryRun)).not.toHaveProperty('status.conditions.0.type', 'Tried')
    const written = await patchStatus(plural, changes)
    expect(written.spec).toEqual(spec)
    expect(written.status).toEqual(status)
  })

  test('is known by its short name and in the category of the product', async () => {
    const { resources } = await (await kube()).get<{ resources: readonly Resource[] }>(`/apis/${apiVersion}`)
    expect(resources.find((one) => one.name === plural)).toMatchObject({
      kind,
      categories: ['tokenbroker'],
      shortNames: [expect.any(String)],
    })
  })
})

test('every definition is established', async () => {
  const { stdout } = await kubectl('get', 'crd', '-o', 'json')
  const definitions = (JSON.parse(stdout).items as readonly KubeObject[]).filter(
    (one) => one.spec.group === 'tokenbroker.dev',
  )
  const states = definitions.map(({ metadata: { name }, status }) => [
    name,
    ...status.conditions.map((one: { type: string; status: string }) => `${one.type}=${one.status}`).toSorted(),
  ])
  expect(states).toEqual(
    ['clustertokenpolicies', 'clustertokenproviders', 'tokenapprovals', 'tokenpolicies', 'tokenscopes'].map(
      (plural) => [`${plural}.tokenbroker.dev`, 'Established=True', 'NamesAccepted=True'],
    ),
  )
})

test('a policy needs an audience and scopes; the rest is filled in', async () => {
  const created = await create({
    ...object('tokenpolicies', 'smallest'),
    spec: { audience: target, scopes: ['a', 'b'] },
  })
  expect(created.spec).toEqual({
    providerRef: { name: 'builtin' },
    audience: target,
    scopes: ['a', 'b'],
    ttl: '5m',
    allowLongerUpstream: false,
    mode: 'Enforce',
    suspend: false,
  })
})

test('a provider needs its kind, audiences and scopes; the rest is filled in', async () => {
  const spec = { builtin: {}, audiences: [target], scopes: ['a'] }
  const created = await create({ ...object('clustertokenproviders', 'smallest'), spec })
  expect(created.spec).toEqual({
    ...spec,
    builtin: { algorithm: 'RS256', tokenType: 'at+jwt' },
    limits: { maxTTL: '15m', secretDelivery: false },
    suspend: false,
  })
})

describe('rules in CEL', () => {
  const issuing = { builtin: {}, audiences: [target], scopes: ['a'] }
  const selecting = (expression: object) => ({
    namespaceSelector: { matchExpressions: [{ key: 'team', ...expression }] },
  })
  const cases: readonly (readonly [Plural | 'tokenscopes', object, string])[] = [
    ['clustertokenproviders', { audiences: [target], scopes: ['a'] }, 'name exactly one provider: builtin'],
    ['clustertokenproviders', { ...issuing, limits: { require: [{ scopes: ['a'] }] } }, 'a requirement asks for'],
    [
      'clustertokenproviders',
      { ...issuing, limits: { require: [{ approval: { groups: ['system:serviceaccounts'] } }] } },
      'no ServiceAccount approves',
    ],
    ['clustertokenproviders', { ...issuing, ...selecting({ operator: 'In' }) }, 'In and NotIn compare with values'],
    [
      'clustertokenpolicies',
      { audience: target, scopes: ['a'], ...selecting({ operator: 'Exists', values: ['b'] }) },
      'In and NotIn compare with values',
    ],
    [
      'tokenpolicies',
      { audience: target, scopes: ['a'], approval: { groups: ['people', 'system:serviceaccounts:ci'] } },
      'no ServiceAccount approves',
    ],
    ['tokenpolicies', { audience: target, scopes: ['a', 'a'] }, 'scopes must not repeat'],
    ['tokenscopes', {}, 'tokenscopes hold no objects'],
  ]

  test.each(cases)('refuse %s %j: %s', async (plural, spec, message) => {
    const kind = plural === 'tokenscopes' ? 'TokenScope' : samples[plural].kind
    expect(await refused(() => create({ apiVersion, kind, metadata: { name: 'tried', namespace }, spec }))).toContain(
      message,
    )
  })

  test('are all tried above', () => {
    const messages = [...plurals, 'tokenscopes'].flatMap((plural) =>
      (field(schemaOf(plural), 'spec')['x-kubernetes-validations'] as readonly { message: string }[]).map(
        (one) => one.message,
      ),
    )
    const untried = messages.filter((message) => !cases.some(([, , part]) => message.startsWith(part)))
    expect(untried).toEqual([])
  })
})

interface Resource {
  readonly name: string
}

function schemaOf(plural: string): Schema {
  const definition = parse(readFileSync(join(charts, `${plural}.tokenbroker.dev.yaml`), 'utf8')) as KubeObject
  return definition.spec.versions[0].schema.openAPIV3Schema
}

function field(schema: Schema, name: string): Schema {
  const found = schema.properties?.[name]
  if (found === undefined) throw new Error(`the schema has no ${name}`)
  return found
}

function object(plural: Plural, name = 'tried'): KubeObject {
  const { kind, spec } = samples[plural]
  const metadata: ObjectMeta = { name, namespace }
  return { apiVersion, kind, metadata, spec }
}

const dryRun = { query: { dryRun: 'All', fieldValidation: 'Strict' } }

/** As `kubectl create --dry-run=server` would. */
async function create(object: KubeObject): Promise<KubeObject> {
  return (await kube()).create(object, dryRun)
}

/** Where the product is installed beside, admission lets nobody else write statuses. */
const broker = { username: `system:serviceaccount:${system}:${release}-broker`, groups: ['system:masters'] }

async function patchStatus(plural: Plural, body: unknown): Promise<KubeObject> {
  const client = await kube()
  return client.patch(`${await client.pathOf(object(plural))}/status`, body, { ...dryRun, as: broker })
}

/** The message of the refusal. */
async function refused(work: () => Promise<unknown>): Promise<string> {
  const error = await work().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof KubeError)) throw new Error('it was not refused', { cause: error })
  return error.message
}

function lastField(path: readonly (string | number)[]): string {
  return path.findLast((step) => typeof step === 'string') as string
}
