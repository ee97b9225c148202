import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { cloudListener } from '../conformance/clients/servers/cloud.ts'
import { startGitServer } from '../conformance/clients/servers/git.ts'
import { listen, type Place } from '../conformance/clients/servers/listen.ts'
import { startRegistry } from '../conformance/clients/servers/registry.ts'
import { answerAsSts } from '../conformance/clients/servers/sts.ts'
import type { IsValid } from '../conformance/clients/tokens.ts'
import { createAccessTokenVerifier } from '../fakes/access-token-verifier.ts'
import { apply, createNamespace, facts, hostAddress, kube } from './harness/cluster.ts'
import { exposeHostProcess, issueCertificate } from './harness/host-service.ts'
import { explainOnFailure, outcomeOf, podLogs, waitForRun, waitForSuccess } from './harness/pods.ts'
import { installProduct, type Product } from './product/install.ts'
import { issuerUrl } from './product/names.ts'
import { childOf } from './product/payments.ts'
import { run } from './rig/command.ts'

/** On a foreign cluster the step would not trust the certificate of the cloud. */
const ownRig = facts().pki !== null
const apiGroup = 'rbac.authorization.k8s.io'
const role = 'arn:aws:iam::123456789012:role/deploy'
const stsHost = 'sts.eu-west-1.amazonaws.com'
const clusterCa = '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt'
let product: Product
let namespace: string

beforeAll(async () => {
  product = await installProduct()
  namespace = await createNamespace('catalog')
  const folder = join(import.meta.dirname, 'catalog')
  const tasks = ['git-clone', 'skopeo-copy', 'aws-cli'].map((name) => readFile(join(folder, `${name}.yaml`), 'utf8'))
  const client = await kube()
  for (const text of await Promise.all(tasks))
    await client.apply(text.replace('metadata:', `metadata:\n  namespace: ${namespace}`))
  await apply([
    {
      apiVersion: 'tokenbroker.dev/v1alpha1',
      kind: 'ClusterTokenProvider',
      metadata: { name: 'catalog' },
      spec: {
        builtin: {},
        audiences: [at('git'), at('registry'), 'sts.amazonaws.com'],
        scopes: ['read', 'push', role],
      },
    },
    ...policies(),
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'Role',
      metadata: { name: 'catalog', namespace },
      rules: [
        {
          apiGroups: ['tokenbroker.dev'],
          resources: ['tokenscopes'],
          resourceNames: ['read', 'push', role].map((scope) => `catalog:${scope}`),
          verbs: ['exchange'],
        },
      ],
    },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'catalog', namespace },
      roleRef: { apiGroup, kind: 'Role', name: 'catalog' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
    },
  ])
}, 240_000)

afterAll(async () => {
  const client = await kube()
  await client.delete('/apis/tokenbroker.dev/v1alpha1/clustertokenproviders/catalog')
  await client.close()
})

function at(name: string): string {
  return `http://${name}.${namespace}.svc.cluster.local`
}

function policies() {
  const policy = (name: string, audience: string, scope: string) => ({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenPolicy',
    metadata: { name, namespace },
    spec: { providerRef: { name: 'catalog' }, audience, scopes: [scope] },
  })
  return [
    policy('source', at('git'), 'read'),
    policy('image', at('registry'), 'push'),
    policy('cloud', 'sts.amazonaws.com', role),
  ]
}

/** Takes tokens of the broker for this audience alone, by its published keys. */
function validFor(audience: string): IsValid {
  const verifier = createAccessTokenVerifier({
    issuer: issuerUrl,
    audience,
    clock: () => new Date(),
    ca: product.authority,
  })
  onTestFinished(() => verifier.close())
  return async (token) => (await verifier.verify(token, AbortSignal.timeout(5000))).kind === 'valid'
}

/** Where pods find a server of this process. */
async function placeOf(name: string, targetPort: number, port = 80): Promise<Place> {
  await exposeHostProcess({ namespace, name, port, targetPort })
  return { address: hostAddress(), port: targetPort, url: at(name) }
}

interface Story {
  readonly policy: string
  readonly as: string
  readonly task: string
  readonly params: Readonly<Record<string, string>>
  readonly workspace?: string
  readonly podTemplate?: object
}

/** A pipeline of two tasks: the token, and a Task of the catalog that it goes into. */
function pipelineRun({ policy, as, task, params, workspace, podTemplate }: Story) {
  const workspaces = workspace === undefined ? {} : { workspaces: [{ name: workspace, workspace: 'shared' }] }
  const token = {
    name: 'token',
    taskRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: policy },
    params: [
      { name: 'into', value: ['work'] },
      { name: 'as', value: as },
    ],
  }
  const values = Object.entries({ image: facts().images.tools, ...params })
  const work = {
    name: 'work',
    runAfter: ['token'],
    taskRef: { name: task },
    params: values.map(([name, value]) => ({ name, value })),
    ...workspaces,
  }
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { generateName: `${task}-`, namespace },
    spec: {
      pipelineSpec: { tasks: [token, work], ...(workspace === undefined ? {} : { workspaces: [{ name: 'shared' }] }) },
      ...(workspace === undefined ? {} : { workspaces: [{ name: 'shared', emptyDir: {} }] }),
      taskRunTemplate: podTemplate === undefined ? {} : { podTemplate },
    },
  }
}

describe('a Task of a catalog, unchanged, behind a TokenExchange task', () => {
  test('git-clone clones from a server that demands a token', async () => {
    explainOnFailure(namespace)
    const root = await mkdtemp(join(tmpdir(), 'git-server-'))
    onTestFinished(() => rm(root, { recursive: true }))
    const work = join(root, 'work')
    await run('git', ['init', '-q', '-b', 'main', work])
    await writeFile(join(work, 'README'), 'hello\n')
    await run('git', ['-C', work, 'add', '.'])
    await run('git', [
      '-C',
      work,
      '-c',
      'user.name=ci',
      '-c',
      'user.email=ci@example.com',
      'commit',
      '-q',
      '-m',
      'first',
    ])
    await run('git', ['clone', '-q', '--bare', work, join(root, 'app.git')])
    const url = await startGitServer(root, validFor(at('git')), await placeOf('git', 18_451))
    const story = {
      policy: 'source',
      as: 'git',
      task: 'git-clone',
      params: { url: `${url}/app.git` },
      workspace: 'output',
    }

    const ended = await waitForSuccess(await (await kube()).create(pipelineRun(story)))
    const { status } = await childOf(ended, 'taskruns', 'work')
    expect(status.results).toEqual([
      expect.objectContaining({ name: 'commit', value: (await run('git', ['-C', work, 'rev-parse', 'HEAD'])).trim() }),
    ])
    expect(await podLogs(namespace, status.podName, 'step-clone')).not.toMatch(/fatal|eyJ/)
  })

  test('skopeo-copy pushes to a registry with a token server', async () => {
    explainOnFailure(namespace)
    const registry = await startRegistry(validFor(at('registry')), await placeOf('registry', 18_452))
    registry.seed('team/app:main')
    const host = new URL(registry.url).host
    const params = {
      source: `docker://${host}/team/app:main`,
      destination: `docker://${host}/team/app:1.0`,
      'tls-verify': 'false',
    }
    const story = { policy: 'image', as: 'docker', task: 'skopeo-copy', params }

    await waitForSuccess(await (await kube()).create(pipelineRun(story)))
    expect(registry.tags.get('team/app:1.0')).toBe(registry.tags.get('team/app:main'))
  })

  test.runIf(ownRig)('aws-cli assumes the role that the scope of the policy names', async () => {
    explainOnFailure(namespace)
    const { certificate, key } = await issueCertificate([stsHost])
    const tls = { cert: await readFile(certificate), key: await readFile(key) }
    const place = await placeOf('sts', 18_453, 443)
    await listen(createServer(tls, cloudListener(answerAsSts(role, validFor('sts.amazonaws.com')))), place)
    const service = await (await kube()).get(`/api/v1/namespaces/${namespace}/services/sts`)
    const podTemplate = {
      hostAliases: [{ ip: service.spec.clusterIP, hostnames: [stsHost] }],
      env: [
        { name: 'AWS_CA_BUNDLE', value: clusterCa },
        { name: 'AWS_DEFAULT_REGION', value: 'eu-west-1' },
        { name: 'AWS_STS_REGIONAL_ENDPOINTS', value: 'regional' },
      ],
    }
    const params = { script: 'aws sts get-caller-identity --output text --query Arn' }
    const story = { policy: 'cloud', as: 'aws', task: 'aws-cli', params, podTemplate }

    const ended = await waitForSuccess(await (await kube()).create(pipelineRun(story)))
    const { status } = await childOf(ended, 'taskruns', 'work')
    expect(await podLogs(namespace, status.podName, 'step-aws')).toContain(`${role}/session`)
  })

  test('is refused at once, with the mend, where the form cannot be right', async () => {
    const story = { policy: 'cloud', as: 'gcp', task: 'aws-cli', params: {} }
    const ended = await waitForRun(await (await kube()).create(pipelineRun(story)))
    const taskRun = await childOf(ended, 'taskruns', 'work')

    expect(outcomeOf(ended)?.status).toBe('False')
    expect(outcomeOf(taskRun)?.message).toContain('no provider of a workload identity pool')
  })
})
