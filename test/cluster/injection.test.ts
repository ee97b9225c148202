import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { initiatorAnnotation } from '../../core/identity/initiator.ts'
import { apply, createNamespace, facts, kube } from './harness/cluster.ts'
import type { KubeObject } from './harness/kube.ts'
import { explainOnFailure, outcomeOf, podLogs, waitForPod, waitForRun, waitForSuccess } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { journalRecords } from './product/audit.ts'
import { setFeature, setNativeSidecars } from './product/feature-flag.ts'
import { installProduct } from './product/install.ts'
import { release, system, target } from './product/names.ts'
import { createTeam } from './product/payments.ts'
import { untilReachable } from './product/reachable.ts'
import { exchangeTask, pipelineRunOf, shellStep, tokenTaskRun } from './product/token-task.ts'

const ownRig = facts().pki !== null
const showName = 'ls $TOKENBROKER_DIR'
const hasToken = 'test -s $TOKENBROKER_TOKEN_FILE && echo TOKEN'
const hasNone = `test -z "\${TOKENBROKER_DIR:-}" && test ! -e /tokenbroker && echo NOTHING`
let namespace: string

beforeAll(async () => {
  await installProduct()
  namespace = (await createTeam({ apiUrl: 'http://unused.invalid' })).namespace
}, 240_000)

afterAll(async () => {
  await (await kube()).close()
})

/** A task behind the TokenExchange, with one step. */
function behind(name: string, script: string, more: object = {}): object {
  return { name, runAfter: ['token'], taskSpec: { steps: [shellStep('work', script)] }, ...more }
}

/** What the steps of a run wrote, by TaskRun. */
async function logsOf(run: KubeObject, label = 'tekton.dev/pipelineRun'): Promise<Readonly<Record<string, string>>> {
  const client = await kube()
  const { name } = run.metadata
  const path = `/apis/tekton.dev/v1/namespaces/${namespace}/taskruns`
  const all = await client.list(path, { labelSelector: `${label}=${name}` })
  const logs = await Promise.all(
    all.map(async ({ metadata, status }) => [
      String(metadata.name).slice((name ?? '').length + 1),
      (await podLogs(namespace, status.podName, 'step-work')).trim(),
    ]),
  )
  return Object.fromEntries(logs)
}

async function succeed(context: TestContext, run: KubeObject): Promise<KubeObject> {
  explainOnFailure(namespace, context)
  return await waitForSuccess(await (await kube()).create(run))
}

describe.concurrent('a TaskRun that asks by annotation', () => {
  test('has the token under its alias, in the steps that are named, and in no other', async (context) => {
    const steps = [shellStep('a', `${showName}; ${hasToken}`), shellStep('b', hasNone)]
    const annotations = { inject: 'api=deploy-staging', steps: 'a' }
    const { status } = await succeed(context, tokenTaskRun({ namespace, annotations, steps }))
    expect((await podLogs(namespace, status.podName, 'step-a')).split('\n')).toEqual(
      expect.arrayContaining(['api', 'key', 'sidecar.sock', 'TOKEN']),
    )
    expect(await podLogs(namespace, status.podName, 'step-b')).toBe('NOTHING\n')
  })

  test('is left as it is where it does not ask', async (context) => {
    const { status } = await succeed(
      context,
      tokenTaskRun({ namespace, annotations: {}, steps: [shellStep('work', hasNone)] }),
    )
    const pod = await waitForPod(namespace, status.podName, 'Succeeded')
    // Tekton copies the stamp of the run onto its pods.
    const { managedFields: _, ...metadata } = pod.metadata
    const { [initiatorAnnotation]: _stamp, ...annotations } = metadata.annotations ?? {}
    expect(JSON.stringify({ ...pod, metadata: { ...metadata, annotations } })).not.toContain('tokenbroker')
  })
})

describe.concurrent('a pipeline', () => {
  test('gives the token to every pod of a matrix, and in finally to the task that into names', async (context) => {
    const matrix = { params: [{ name: 'region', value: ['eu', 'us', 'ap'] }] }
    const taskSpec = { params: [{ name: 'region' }], steps: [shellStep('work', `echo $(params.region); ${hasToken}`)] }
    const tasks = [
      exchangeTask({ into: ['deploy', 'report'] }),
      { name: 'deploy', runAfter: ['token'], matrix, taskSpec },
      behind('other', hasNone),
    ]
    const spec = {
      pipelineSpec: {
        tasks,
        finally: [
          { name: 'report', taskSpec: { steps: [shellStep('work', hasToken)] } },
          { name: 'clean', taskSpec: { steps: [shellStep('work', hasNone)] } },
        ],
      },
    }
    const run = await succeed(context, pipelineRunOf(namespace, [], spec))
    expect(await logsOf(run)).toEqual({
      'deploy-0': 'eu\nTOKEN',
      'deploy-1': 'us\nTOKEN',
      'deploy-2': 'ap\nTOKEN',
      other: 'NOTHING',
      report: 'TOKEN',
      clean: 'NOTHING',
    })
  })

  test('gives one token for each combination of a TokenExchange that fans out, and to a retry what it gave before', async (context) => {
    await apply([
      {
        apiVersion: 'tokenbroker.dev/v1alpha1',
        kind: 'TokenPolicy',
        metadata: { name: 'deploy-again', namespace },
        spec: { audience: target, scopes: ['deploy:staging'] },
      },
    ])
    const matrix = { params: [{ name: 'policy', value: ['deploy-staging', 'deploy-again'] }] }
    const taskRef = { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange' }
    const script =
      'cd $TOKENBROKER_DIR; test -s deploy-again/token; test $(context.task.retry-count) -gt 0; ls -d deploy-*'
    const run = await succeed(
      context,
      pipelineRunOf(namespace, [{ name: 'token', taskRef, matrix }, behind('deploy', script, { retries: 1 })]),
    )
    expect(await logsOf(run)).toEqual({ deploy: 'deploy-again\ndeploy-staging' })
  })

  test('runs the tasks behind without a token where the TokenExchange failed and the pipeline goes on', async (context) => {
    const failing = { ...exchangeTask({ scope: 'no:such' }), onError: 'continue' }
    const run = await succeed(context, pipelineRunOf(namespace, [failing, behind('deploy', hasNone)]))
    expect(await logsOf(run)).toEqual({ deploy: 'NOTHING' })
  })

  test('caps the life of its tokens by the ttl of the TokenExchange', async (context) => {
    const run = await succeed(
      context,
      pipelineRunOf(namespace, [exchangeTask({ ttl: '90s' }), behind('deploy', hasToken)]),
    )
    const granted = (await journalRecords()).filter(
      ({ type, data }) =>
        type === 'dev.tokenbroker.exchange.granted.v1' && data.run?.pipeline_run === run.metadata.name,
    )
    const lives = granted.map(
      ({ data: { token } }) => Date.parse(token?.expires_at ?? '') - Date.parse(token?.issued_at ?? ''),
    )
    expect(lives.length).toBeGreaterThan(0)
    expect(Math.max(...lives)).toBeLessThanOrEqual(90_000)
    expect(granted.every(({ data }) => data.authorization_id !== undefined)).toBe(true)
  })
})

describe('a pipeline in a pipeline', () => {
  test('has its own TokenExchange; one of the outer pipeline does not reach into it', async () => {
    const before = await setFeature('enable-api-fields', 'alpha')
    try {
      const inner = { tasks: [exchangeTask(), behind('deploy', hasToken)] }
      const bare = { tasks: [{ name: 'deploy', taskSpec: { steps: [shellStep('work', hasNone)] } }] }
      const tasks = [
        exchangeTask({ into: ['own'] }),
        { name: 'inner', pipelineSpec: inner },
        { name: 'bare', runAfter: ['token'], pipelineSpec: bare },
        behind('own', hasToken),
      ]
      const run = await waitForRun(await createWhenTaken(pipelineRunOf(namespace, tasks)))
      expect(outcomeOf(run)?.status).toBe('True')
      expect(await logsOf(run)).toEqual({ own: 'TOKEN' })
      const client = await kube()
      const children = await client.list(`/apis/tekton.dev/v1/namespaces/${namespace}/pipelineruns`, {
        labelSelector: `tekton.dev/pipelineRun=${run.metadata.name}`,
      })
      const logs = await Promise.all(children.map((child) => logsOf(child)))
      expect(logs.flatMap((one) => Object.values(one)).toSorted()).toEqual(['NOTHING', 'TOKEN'])
    } finally {
      await setFeature('enable-api-fields', before)
    }
  })
})

/** Tekton takes a change of its flags a moment later. */
async function createWhenTaken(run: KubeObject): Promise<KubeObject> {
  const client = await kube()
  return await waitFor('Tekton takes the run', async () => await client.create(run))
}

describe.each(['false', 'true'])("with Tekton's enable-kubernetes-sidecar: %s", (flag) => {
  let before: string

  beforeAll(async () => {
    before = await setNativeSidecars(flag, namespace)
    return async () => {
      await setNativeSidecars(before, namespace)
    }
  })

  test('the run ends with its last step: the sidecar stops at once, and well', async (context) => {
    const own = { name: 'own', image: facts().images.busybox, args: ['sh', '-c', 'trap exit TERM; sleep 600 & wait'] }
    const [bare, injected] = await Promise.all(
      [
        { annotations: {}, steps: [shellStep('work', 'true')] },
        { annotations: { inject: 'deploy-staging' }, steps: [shellStep('work', hasToken)] },
      ].map((task) => succeed(context, tokenTaskRun({ namespace, sidecars: [own], ...task }))),
    )
    if (bare === undefined || injected === undefined) throw new Error('there are two runs')
    const pod = await waitForPod(namespace, injected.status.podName, 'Succeeded')
    const sidecar = pod.status.initContainerStatuses.find((one: { name: string }) => one.name === 'tokenbroker')
    // 0 says that it ended by itself when it was told to, not by SIGKILL after the grace period.
    expect(sidecar.state.terminated.exitCode).toBe(0)
    const seconds = (run: KubeObject) => (Date.parse(run.status.completionTime) - lastStepEnd(run)) / 1000
    process.stdout.write(
      `enable-kubernetes-sidecar ${flag} | run done after its last step: ${seconds(injected)} s, without us ${seconds(bare)} s\n`,
    )
  })
})

function lastStepEnd(run: KubeObject): number {
  const steps: readonly { readonly terminated: { readonly finishedAt: string } }[] = run.status.steps
  return Math.max(...steps.map(({ terminated }) => Date.parse(terminated.finishedAt)))
}

describe.runIf(ownRig)('while the webhook is away', () => {
  const deployment = `/apis/apps/v1/namespaces/${system}/deployments/${release}-webhook`

  beforeAll(async () => {
    await scaleTo(0)
  })

  afterAll(async () => {
    await scaleTo(2)
    await untilReachable()
  })

  async function scaleTo(replicas: number): Promise<void> {
    const client = await kube()
    await client.patch(deployment, { spec: { replicas } })
    await waitFor(`the webhook has ${replicas} replicas`, async () => {
      const { status } = await client.get(deployment)
      const pods = await client.list(`/api/v1/namespaces/${system}/pods`, {
        labelSelector: `app.kubernetes.io/instance=${release},app.kubernetes.io/component=webhook`,
      })
      return (status?.readyReplicas ?? 0) === replicas && pods.length === replicas
    })
  }

  test.concurrent.for([
    ['absent', {}, 'True', ''],
    ['required', { 'tokenbroker.dev/injection': 'required' }, 'False', 'inject-required.tokenbroker.dev'],
    ['disabled', { 'tokenbroker.dev/injection': 'disabled' }, 'True', ''],
  ] as const)('the namespace decides: its label tokenbroker.dev/injection is %s', async ([, labels, status, text]) => {
    const place = await createNamespace('away', labels)
    const annotations = { inject: 'deploy-staging' }
    const steps = [shellStep('work', hasNone)]
    const asking = tokenTaskRun({ namespace: place, annotations, steps, serviceAccount: 'default' })
    const run = await waitForRun(await (await kube()).create(asking))
    expect(outcomeOf(run)).toMatchObject({ status, message: expect.stringContaining(text) })
    process.stdout.write(`webhook away | ${JSON.stringify(labels)} | ${outcomeOf(run)?.message}\n`)
  })

  test.concurrent('a pod that does not ask is made also where the label is required', async () => {
    const place = await createNamespace('away', { 'tokenbroker.dev/injection': 'required' })
    const bare = tokenTaskRun({
      namespace: place,
      annotations: {},
      steps: [shellStep('work', hasNone)],
      serviceAccount: 'default',
    })
    await waitForSuccess(await (await kube()).create(bare))
  })
})
