import { afterAll, beforeAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import type { AuditRecord } from '../../core/audit/event.ts'
import { apply, kube } from './harness/cluster.ts'
import type { KubeObject } from './harness/kube.ts'
import { explainOnFailure, outcomeOf, waitForRun, waitForSuccess } from './harness/pods.ts'
import { bindingPath, untilBrokerSays, verifyNamespace } from './product/admission.ts'
import { journalRecords } from './product/audit.ts'
import { installProduct } from './product/install.ts'
import { target } from './product/names.ts'
import { createTeam } from './product/payments.ts'
import { commit, gitRef, type Repository, resolveFrom } from './product/repository.ts'
import { exchangeTask, ours, pipelineRunOf, shellStep } from './product/token-task.ts'

const url = 'https://git.example.com/acme/pipelines.git'
const uri = 'git+https://git.example.com/acme/pipelines.git'
const done = new AbortController()
let namespace: string
let resolving: Promise<void>

/** The kubelet writes a pod's address a moment after the start; what is asked for later is compared with it. */
const asksAgain = `
test -s "$TOKENBROKER_TOKEN_FILE"
sleep 3
basic=$(printf 'from-main:%s' "$(cat "$TOKENBROKER_DIR/key")" | base64 | tr -d '\\n')
form='grant_type=client_credentials&audience=${encodeURIComponent(target)}'
wget -q -O /dev/null --header "Authorization: Basic $basic" --post-data "$form" "$TOKENBROKER_URL/token"`
const hasToken = shellStep('work', asksAgain)
const injected = { metadata: { annotations: ours({ inject: 'from-main' }) } }

/** A gate, and behind it a task that asks for a token by itself. */
function pipeline(name: string, work: object): KubeObject {
  const gate = { ...exchangeTask({ deliver: 'none' }), taskRef: tokenExchange('from-main') }
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'Pipeline',
    metadata: { name },
    spec: { tasks: [gate, { name: 'work', runAfter: ['token'], ...work }] },
  }
}

function tokenExchange(name: string): object {
  return { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name }
}

const embedded = pipeline('release', { taskSpec: { ...injected, steps: [hasToken] } })
const namesLocalTask = pipeline('local', { taskRef: { kind: 'Task', name: 'build' } })
/** Git lets a branch have this name. Its Pipeline says that the param is `main`. */
const branch = '$(params.branch)'
const saysMain = { ...embedded, spec: { ...embedded.spec, params: [{ name: 'branch', default: 'main' }] } }
const repository: Repository = {
  url,
  files: {
    'main release.yaml': embedded,
    'refs/pull/7/head release.yaml': embedded,
    'main local.yaml': namesLocalTask,
    [`${branch} release.yaml`]: saysMain,
  },
}

beforeAll(async () => {
  await installProduct()
  namespace = (await createTeam({ apiUrl: 'http://unused.invalid' })).namespace
  const source = [{ uri, revisions: ['main'], entryPoints: ['release.yaml', 'local.yaml'] }]
  await apply([
    {
      apiVersion: 'tokenbroker.dev/v1alpha1',
      kind: 'TokenPolicy',
      metadata: { name: 'from-main', namespace },
      spec: { audience: target, scopes: ['deploy:staging'], runs: { assurance: 'verified', source } },
    },
    {
      apiVersion: 'tekton.dev/v1',
      kind: 'Task',
      metadata: { name: 'build', namespace, annotations: injected.metadata.annotations },
      spec: { steps: [hasToken] },
    },
  ])
  await verifyNamespace(namespace)
  resolving = resolveFrom(repository, namespace, done.signal)
}, 240_000)

afterAll(async () => {
  done.abort()
  await resolving
  await (await kube()).close()
})

function runFrom(revision: string, path: string, spec: object = {}): KubeObject {
  const { spec: base, ...run } = pipelineRunOf(namespace, [], spec)
  return { ...run, spec: { ...base, pipelineSpec: undefined, pipelineRef: gitRef(repository, revision, path) } }
}

async function start(context: TestContext, run: KubeObject): Promise<KubeObject> {
  explainOnFailure(namespace, context)
  return await (await kube()).create(run)
}

/** What was decided for a run: of its CustomRun, and of its pod. */
async function recordsOf({ metadata }: KubeObject): Promise<readonly AuditRecord['data'][]> {
  const all = await journalRecords()
  return all.map(({ data }) => data).filter(({ run }) => run?.pipeline_run === metadata.name)
}

const decided = (records: readonly AuditRecord['data'][], outcome: string) =>
  records.find((one) => one.outcome === outcome)

const provedHops = (...hops: readonly string[]) =>
  expect.arrayContaining(hops.map((hop) => ({ hop, verdict: 'proved' })))

describe.concurrent('a run of a Pipeline from a repository', () => {
  test('is verified, and the record shows each step of the walk and where both texts came from', async (context) => {
    const run = await start(context, runFrom('main', 'release.yaml'))
    await waitForSuccess(run)

    const records = await recordsOf(run)
    const source = { uri, digest: `sha1:${commit}`, entry_point: 'release.yaml', revision: 'main' }
    const known = { assurance: 'verified', initiator: expect.any(String), is_initiator_proved: true, source }
    expect(decided(records, 'authorized')?.run).toMatchObject({
      ...known,
      task: 'token',
      evidence: provedHops('custom-run', 'pipeline-run', 'times', 'source', 'admission', 'initiator'),
    })
    expect(decided(records, 'granted')?.run).toMatchObject({
      ...known,
      task_source: source,
      task: 'work',
      evidence: provedHops(
        'pod',
        'task-run',
        'pipeline-run',
        'pipeline-task',
        'images',
        'times',
        'source',
        'task-source',
        'admission',
        'initiator',
      ),
    })
    const later = records.findLast(({ outcome }) => outcome === 'granted')
    expect(later?.run?.evidence).toContainEqual({ hop: 'peer-address', verdict: 'proved' })
  })

  test('is refused from a branch whose name becomes a trusted one by what the branch itself says', async (context) => {
    const ended = await waitForRun(await start(context, runFrom(branch, 'release.yaml')))

    expect(outcomeOf(ended)?.status).toBe('False')
    const [refused, ...others] = await recordsOf(ended)
    expect(others).toEqual([])
    expect(refused).toMatchObject({ reason: 'run_source_not_allowed', run: { source: { uri } } })
    expect(refused?.run?.source).not.toHaveProperty('revision')
  })

  test('is refused for another revision of the same file', async (context) => {
    const ended = await waitForRun(await start(context, runFrom('refs/pull/7/head', 'release.yaml')))

    expect(outcomeOf(ended)?.status).toBe('False')
    expect(await recordsOf(ended)).toEqual([
      expect.objectContaining({
        reason: 'run_source_not_allowed',
        detail: expect.stringContaining('refs/pull/7/head'),
        run: expect.objectContaining({ source: expect.objectContaining({ revision: 'refs/pull/7/head' }) }),
      }),
    ])
  })

  test('is refused where its task is one that the namespace stores', async (context) => {
    const ended = await waitForRun(await start(context, runFrom('main', 'local.yaml')))

    expect(outcomeOf(ended)?.status).toBe('False')
    const refused = decided(await recordsOf(ended), 'denied')
    expect(refused).toMatchObject({ reason: 'run_source_not_allowed', run: { source: { uri }, task: 'work' } })
    expect(refused?.run).not.toHaveProperty('task_source')
    expect(refused?.run?.evidence).toContainEqual(expect.objectContaining({ hop: 'task-source', verdict: 'claimed' }))
  })

  test.for([
    ['the run', { taskRunTemplate: podTemplate() }],
    ['one of its tasks', { taskRunSpecs: [{ pipelineTaskName: 'work', ...podTemplate() }] }],
  ] as const)('is refused with variables in a podTemplate of %s', async ([, spec], context) => {
    const ended = await waitForRun(await start(context, runFrom('main', 'release.yaml', spec)))

    expect(outcomeOf(ended)?.status).toBe('False')
    expect(decided(await recordsOf(ended), 'denied')).toMatchObject({
      reason: 'pod_template_not_allowed',
      run: { has_pod_template: true },
    })
  })
})

test('while an admission policy only audits, the same run is a claim, and is refused', async (context) => {
  const client = await kube()
  const set = (action: 'Audit' | 'Deny') =>
    client.patch(bindingPath('provenance'), { spec: { validationActions: [action] } })
  await set('Audit')
  onTestFinished(async () => void (await set('Deny')))
  await untilBrokerSays(/provenance/)
  const ended = await waitForRun(await start(context, runFrom('main', 'release.yaml')))

  const refused = decided(await recordsOf(ended), 'denied')
  expect(refused).toMatchObject({ reason: 'run_assurance_too_low', run: { assurance: 'claimed', source: { uri } } })
  expect(refused?.run?.evidence).toContainEqual({
    hop: 'admission',
    verdict: 'claimed',
    detail: expect.stringContaining('provenance'),
  })
})

function podTemplate(): object {
  const env = [{ name: 'HTTPS_PROXY', value: 'http://evil.invalid' }]
  return { serviceAccountName: 'deployer', podTemplate: { env } }
}
