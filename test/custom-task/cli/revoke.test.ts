import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'
import { commandLine, type Ran, temporaryDirectory } from './command-line.ts'

const namespace = 'payments'
const annotation = 'tokenbroker.dev/revoked-by'
const alice = `system:serviceaccount:${namespace}:alice`

interface Place {
  readonly kube: FakeKube
  /** With the kubeconfig of alice. */
  readonly revoke: (...args: readonly string[]) => Promise<Ran>
}

const mayRevoke = [
  { apiGroups: ['tekton.dev'], resources: ['pipelineruns', 'taskruns'], verbs: ['get', 'patch'] },
  { apiGroups: [''], resources: ['events'], verbs: ['list'] },
]

async function place(rules: readonly object[] = mayRevoke): Promise<Place> {
  const kube = await startKube()
  onTestFinished(() => kube.close())
  const group = 'rbac.authorization.k8s.io'
  const metadata = { name: 'revoke', namespace }
  kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'alice', namespace } })
  kube.objects.create({ apiVersion: `${group}/v1`, kind: 'Role', metadata, rules })
  kube.objects.create({
    apiVersion: `${group}/v1`,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: group, kind: 'Role', name: 'revoke' },
    subjects: [{ kind: 'ServiceAccount', name: 'alice', namespace }],
  })
  const file = join(await temporaryDirectory(), 'kubeconfig')
  await writeFile(file, kube.kubeconfig({ namespace, serviceAccount: 'alice' }))
  return {
    kube,
    revoke: (...args) => commandLine(['revoke', '--kubeconfig', file, ...args], { clock: () => new Date() }),
  }
}

function createRun({ kube }: Place, kind: string, name: string, parts: { metadata?: object; status?: object } = {}) {
  return kube.objects.create({
    apiVersion: 'tekton.dev/v1',
    kind,
    metadata: { name, namespace, ...parts.metadata },
    spec: kind === 'PipelineRun' ? { pipelineRef: { name: 'release' } } : { taskRef: { name: 'migrate' } },
    status: { conditions: [{ type: 'Succeeded', status: 'Unknown', reason: 'Running' }], ...parts.status },
  })
}

/** Says at once, as the controller does, that what was revoked is withdrawn. */
function confirms({ kube }: Place): void {
  for (const resource of [resources.pipelineRuns, resources.taskRuns])
    onTestFinished(
      kube.objects.watch(resource, (_, { apiVersion, kind, metadata }) => {
        if (metadata.annotations?.[annotation] === undefined) return
        const involvedObject = { apiVersion, kind, namespace, name: metadata.name, uid: metadata.uid }
        const reason = 'TokensRevoked'
        const name = `${metadata.name}.${metadata.resourceVersion}`
        kube.objects.create({ apiVersion: 'v1', kind: 'Event', metadata: { namespace, name }, involvedObject, reason })
      }),
    )
}

function nameOn({ kube }: Place, kind: 'PipelineRun' | 'TaskRun', name: string): string | undefined {
  const resource = kind === 'PipelineRun' ? resources.pipelineRuns : resources.taskRuns
  return kube.objects.get<KubeObject>(resource, { namespace, name })?.metadata.annotations?.[annotation]
}

const child = (kind: string, name: string) => ({ apiVersion: 'tekton.dev/v1', kind, name, pipelineTaskName: name })

describe('revoke --run', () => {
  it.each(['PipelineRun', 'TaskRun'] as const)('writes the own name on the %s and waits for the word', async (kind) => {
    const here = await place()
    confirms(here)
    createRun(here, kind, 'release-7')

    const ran = await here.revoke('--run', 'payments/release-7')

    expect(ran).toEqual({
      code: 0,
      out: `${kind} payments/release-7 was revoked: its tokens are withdrawn, and it gets no more.\n`,
      notes: 'An API that verifies tokens offline takes them until they expire.\n',
    })
    expect(nameOn(here, kind, 'release-7')).toBe(alice)
  })

  it('takes the namespace by itself, and prints JSON', async () => {
    const here = await place()
    confirms(here)
    const { metadata } = createRun(here, 'PipelineRun', 'release-7')

    const { code, out } = await here.revoke('--run', 'release-7', '-n', 'payments', '-o', 'json')

    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual({
      kind: 'PipelineRun',
      namespace,
      name: 'release-7',
      uid: metadata.uid,
      outcome: 'done',
      user: alice,
      revokedBy: alice,
    })
  })

  it('goes on to the PipelineRuns that the run made, and to theirs', async () => {
    const here = await place()
    confirms(here)
    createRun(here, 'PipelineRun', 'top', {
      status: {
        childReferences: [child('PipelineRun', 'middle'), child('TaskRun', 'task'), child('PipelineRun', 'gone')],
      },
    })
    createRun(here, 'PipelineRun', 'middle', {
      status: { childReferences: [child('PipelineRun', 'low'), child('PipelineRun', 'middle')] },
    })
    createRun(here, 'PipelineRun', 'low')

    expect((await here.revoke('--run', 'payments/top')).code).toBe(0)

    expect(['top', 'middle', 'low'].map((name) => nameOn(here, 'PipelineRun', name))).toEqual([alice, alice, alice])
  })

  it('says that nobody confirmed it in time', async () => {
    const here = await place()
    createRun(here, 'TaskRun', 'migrate')

    const { code, out } = await here.revoke('--run', 'payments/migrate', '--timeout', '0')

    expect(code).toBe(5)
    expect(out).toContain('nobody confirmed it in time: it is done when controller and broker run')
    expect(nameOn(here, 'TaskRun', 'migrate')).toBe(alice)
  })

  it('is done with what it may see where Events are not for that person', async () => {
    const here = await place(mayRevoke.slice(0, 1))
    createRun(here, 'TaskRun', 'migrate')

    const { code, out } = await here.revoke('--run', 'payments/migrate')

    expect(code).toBe(0)
    expect(out).toContain('it takes list on events')
  })

  it('says which rights it takes', async () => {
    const here = await place([{ apiGroups: ['tekton.dev'], resources: ['pipelineruns', 'taskruns'], verbs: ['get'] }])
    createRun(here, 'PipelineRun', 'release-7')

    const { code, out, notes } = await here.revoke('--run', 'payments/release-7')

    expect({ code, out }).toEqual({ code: 3, out: '' })
    expect(notes).toContain(`You (${alice}) may not revoke runs in payments`)
    expect(notes).toContain(
      'verb revoke on tokenpolicies.tokenbroker.dev and the verb patch on pipelineruns.tekton.dev',
    )
    expect(nameOn(here, 'PipelineRun', 'release-7')).toBeUndefined()
  })

  it('says so where the person may not even look', async () => {
    const here = await place([])

    const { code, notes } = await here.revoke('--run', 'payments/release-7')

    expect(code).toBe(3)
    expect(notes).toContain('You may not look at runs in payments')
  })

  it('changes nothing about a run that has ended, or was revoked before', async () => {
    const here = await place()
    const conditions = [{ type: 'Succeeded', status: 'True', reason: 'Succeeded' }]
    createRun(here, 'TaskRun', 'done', { status: { conditions } })
    createRun(here, 'TaskRun', 'revoked', { metadata: { annotations: { [annotation]: 'bob' } } })

    expect(await here.revoke('--run', 'payments/done')).toMatchObject({
      code: 0,
      out: 'TaskRun payments/done had ended already, and with it what it was given.\n',
    })
    expect(await here.revoke('--run', 'payments/revoked')).toMatchObject({
      code: 0,
      out: 'TaskRun payments/revoked had been revoked already. By bob.\n',
    })
    expect(here.kube.requests({ verb: 'patch' })).toEqual([])
  })

  it('names the run of a task', async () => {
    const here = await place()
    const { metadata } = createRun(here, 'PipelineRun', 'release-7')
    const owner = { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', name: 'release-7', uid: metadata.uid }
    createRun(here, 'TaskRun', 'release-7-deploy', { metadata: { ownerReferences: [{ ...owner, controller: true }] } })

    const { code, notes } = await here.revoke('--run', 'payments/release-7-deploy')

    expect(code).toBe(2)
    expect(notes).toContain('tokenbroker revoke --run payments/release-7\n')
  })

  it.each([
    [[], /Namespace payments has no PipelineRun and no TaskRun absent/],
    [['--kind', 'TaskRun'], /Namespace payments has no TaskRun absent/],
  ])('says that there is no such run %j', async (options, text) => {
    const here = await place()

    const { code, notes } = await here.revoke('--run', 'payments/absent', ...options)

    expect(code).toBe(1)
    expect(notes).toMatch(text)
  })

  it('says that the API server does not answer', async () => {
    const here = await place()
    await here.kube.close()

    expect(await here.revoke('--run', 'payments/release-7')).toMatchObject({
      code: 5,
      notes: expect.stringContaining('The API server of the kubeconfig does not answer'),
    })
  })

  it.each([
    [[], 'Name what to revoke: --run, --serviceaccount, --policy, --cluster-policy or --provider.'],
    [['--run', 'release-7'], 'Name the namespace of the run: --run NAMESPACE/NAME, or -n.'],
    [['--run', 'a/b/c'], '--run takes NAMESPACE/NAME, or NAME with -n.'],
    [['--run', 'payments/../secrets'], '--run takes NAMESPACE/NAME, or NAME with -n.'],
    [['--run', 'payments/a', '-n', 'other'], '--run and -n name two namespaces.'],
    [['--run', 'payments/a', '--kind', 'Pod'], '--kind takes PipelineRun or TaskRun.'],
    [['--run', 'payments/a', '--timeout', 'soon'], '--timeout takes seconds, 0 to 600.'],
    [['payments/a'], 'revoke takes no operands: name the run with --run, or what else with its option.'],
  ])('refuses %j before it asks anybody', async (args, text) => {
    const { code, notes } = await commandLine(['revoke', ...args])

    expect(code).toBe(2)
    expect(notes.startsWith(text)).toBe(true)
  })
})

describe('revoke of what is no run', () => {
  const rules = [
    { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['patch'] },
    { apiGroups: ['tokenbroker.dev'], resources: ['tokenpolicies', 'clustertokenproviders'], verbs: ['patch'] },
  ]

  function createPolicy({ kube }: Place): void {
    const spec = { audience: 'https://deploy.example.com', scopes: ['deploy:staging'] }
    const metadata = { name: 'deploy-staging', namespace }
    kube.objects.create({ apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenPolicy', metadata, spec })
  }

  it('writes the name of the person and the moment on a policy, and suspends it where that is asked for', async () => {
    const scene = await place(rules)
    createPolicy(scene)

    const ran = await scene.revoke('--policy', 'payments/deploy-staging', '--suspend', '-o', 'json')

    expect(ran.code).toBe(0)
    expect(JSON.parse(ran.out)).toMatchObject({ kind: 'TokenPolicy', user: alice, isSuspended: true })
    expect(scene.kube.objects.get(resources.tokenPolicies, { namespace, name: 'deploy-staging' })).toMatchObject({
      metadata: {
        annotations: {
          [annotation]: alice,
          'tokenbroker.dev/revoked-at': expect.stringMatching(/^2.*Z$/),
          'tokenbroker.dev/suspended-by': alice,
        },
      },
      spec: { suspend: true },
    })
  })

  it('labels a ServiceAccount, so that the broker sees it', async () => {
    const scene = await place(rules)
    scene.kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'deployer', namespace } })

    expect((await scene.revoke('--serviceaccount', 'deployer', '-n', namespace)).code).toBe(0)

    const { metadata } = scene.kube.objects.get(resources.serviceAccounts, { namespace, name: 'deployer' }) ?? {}
    expect(metadata).toMatchObject({
      labels: { 'tokenbroker.dev/revoked': 'true' },
      annotations: { [annotation]: alice },
    })
    expect(metadata?.annotations).not.toHaveProperty('tokenbroker.dev/suspended-by')
  })

  it('says the mend where the person may not, and where there is nothing of that name', async () => {
    const scene = await place([])
    createPolicy(scene)
    const refused = await scene.revoke('--policy', 'payments/deploy-staging')
    expect(refused.code).toBe(3)
    expect(refused.notes).toContain('takes the verb revoke on tokenpolicies.tokenbroker.dev')

    expect((await (await place(rules)).revoke('--policy', 'payments/none')).code).toBe(1)
  })

  it.each([
    [['--policy', 'a/b', '--provider', 'c'], 'Name one thing'],
    [['--policy', 'a'], 'Name the namespace'],
    [['--provider', 'a/b'], '--provider takes a name'],
    [['--run', 'a/b', '--suspend'], 'not for a run'],
  ])('refuses %j', async (args, mend) => {
    const ran = await (await place([])).revoke(...args)

    expect(ran.code).toBe(2)
    expect(ran.notes).toContain(mend)
  })
})
