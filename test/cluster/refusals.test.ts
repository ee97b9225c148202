import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { problems } from '../../core/problem.ts'
import { apply, facts, kube } from './harness/cluster.ts'
import type { KubeObject } from './harness/kube.ts'
import { explainOnFailure, outcomeOf, podLogs, waitForPod, waitForRun, waitForSuccess } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { withoutPolicy } from './product/admission.ts'
import { journalRecords } from './product/audit.ts'
import { whilePaused } from './product/crash.ts'
import { installProduct } from './product/install.ts'
import { issuerUrl } from './product/names.ts'
import { childOf, createTeam } from './product/payments.ts'
import { exchangeTask, ours, pipelineRunOf, shellStep, tokenTaskRun } from './product/token-task.ts'

const ownRig = facts().pki !== null
const mend = problems.rbac_denied.mend

beforeAll(async () => {
  await installProduct()
}, 240_000)

afterAll(async () => {
  await (await kube()).close()
})

describe.concurrent('a task whose ServiceAccount may not have the token', () => {
  let namespace: string
  let run: KubeObject

  beforeAll(async () => {
    namespace = await team({ hasRole: false })
    const annotations = ours({ inject: 'deploy-staging' })
    const taskSpec = { metadata: { annotations }, steps: [shellStep('rollout', 'echo STARTED')] }
    const client = await kube()
    run = await waitForRun(await client.create(pipelineRunOf(namespace, [{ name: 'deploy', taskSpec }])))
  }, 120_000)

  test('ends at once, before any of its steps', async (context) => {
    explainOnFailure(namespace, context)
    const taskRun = await childOf(run, 'taskruns', 'deploy')
    expect(outcomeOf(run)?.status).toBe('False')
    const pod = await waitForPod(namespace, taskRun.status.podName, 'Failed')
    expect(pod.status.containerStatuses).toMatchObject([{ state: { waiting: { reason: 'PodInitializing' } } }])
    await expectInGuide(outcomeOf(taskRun)?.message)
    const gate = pod.status.initContainerStatuses.find((one: { name: string }) => one.name === 'tokenbroker-gate')
    expect(gate.state.terminated).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/^tokenbroker: deploy-staging is refused: .+ \(exchange [0-9a-f-]{36}\)\n$/),
    })
  })

  test('is an Event on TaskRun and PipelineRun: one sentence with the mend and the exchange id', async () => {
    const taskRun = await childOf(run, 'taskruns', 'deploy')
    const [ofTask] = await eventsAbout(taskRun, 1)
    const [ofRun] = await eventsAbout(run, 1)
    expect(ofTask).toMatchObject({ type: 'Warning', reason: 'Denied' })
    const sentence = `deploy-staging is refused: ${mend}`
    expect(ofTask?.message.replace(/ \(exchange .*\)$/, '')).toBe(sentence)
    expect(ofRun).toMatchObject({
      type: 'Warning',
      reason: 'Denied',
      message: `TaskRun ${taskRun.metadata.name}: ${ofTask?.message}`,
    })
    await expectInGuide(ofTask?.message)
    await expectInGuide(ofRun?.message)
    const id = /\(exchange (\S+)\)$/.exec(ofTask?.message ?? '')?.[1]
    const record = (await journalRecords()).find(({ data }) => data.exchange_id === id)
    expect(record?.data).toMatchObject({ outcome: 'denied', reason: 'rbac_denied' })
  })

  test('runs all the same where the token is optional, and finds the sentence in its place', async (context) => {
    explainOnFailure(namespace, context)
    const annotations = { inject: 'deploy-staging', optional: 'true' }
    const steps = [
      shellStep('rollout', 'cat $TOKENBROKER_DIR/deploy-staging/error; ls $TOKENBROKER_DIR/deploy-staging'),
    ]
    const done = await waitForSuccess(await (await kube()).create(tokenTaskRun({ namespace, annotations, steps })))
    const log = await podLogs(namespace, done.status.podName, 'step-rollout')
    expect(log).toMatch(/Role and RoleBinding \(exchange [0-9a-f-]{36}\)\nerror\n/)
  })

  test('makes no Event for a pod that somebody made by hand in the name of a TaskRun', async (context) => {
    explainOnFailure(namespace, context)
    const taskRun = await childOf(run, 'taskruns', 'deploy')
    await withoutPolicy('provenance', () => apply([forgedPod(taskRun)]))
    await waitForPod(namespace, 'forged', 'Failed')
    // Something that is told, so that the forged pod was looked at before.
    const later = await (await kube()).create(
      tokenTaskRun({ namespace, annotations: { inject: 'deploy-staging' }, steps: [shellStep('a', 'true')] }),
    )
    await waitForRun(later)
    await eventsAbout(later, 1)
    expect((await eventsAbout(taskRun, 1)).map(({ message }) => message).join()).not.toContain('evil')
  })
})

describe.concurrent('tasks that run as different ServiceAccounts', () => {
  test('are judged one by one in the CustomRun, which names task, ServiceAccount and mend', async (context) => {
    const namespace = await team()
    explainOnFailure(namespace, context)
    await apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'builder', namespace } }])
    const tasks = ['build', 'deploy'].map((name) => ({
      name,
      runAfter: ['token'],
      taskSpec: { steps: [shellStep('work', 'true')] },
    }))
    const spec = { taskRunSpecs: [{ pipelineTaskName: 'build', serviceAccountName: 'builder' }] }
    const run = await waitForRun(
      await (await kube()).create(pipelineRunOf(namespace, [exchangeTask(), ...tasks], spec)),
    )
    const customRun = await childOf(run, 'customruns', 'token')
    const message = outcomeOf(customRun)?.message ?? ''
    expect(message.replace(/ \(exchange .*\)$/, '')).toBe(`${mend} (task build runs as ServiceAccount builder)`)
    expect(await eventsAbout(run, 1)).toMatchObject([
      { reason: 'Denied', message: `CustomRun ${customRun.metadata.name}: ${message}` },
    ])
    await expectInGuide(message)
    await expect(childOf(run, 'taskruns', 'build')).rejects.toThrow('no child')
  })
})

describe.concurrent('a token that ends while its step runs', () => {
  test('and is not given again, as its policy was suspended, is told when the step fails for it', async (context) => {
    const namespace = await team()
    explainOnFailure(namespace, context)
    const client = await kube()
    const policy = await client.get(
      `/apis/tokenbroker.dev/v1alpha1/namespaces/${namespace}/tokenpolicies/deploy-staging`,
    )
    await client.patch(await client.pathOf(policy), { spec: { ttl: '8s' } })
    const script = 'touch /tmp/started; until test -e $TOKENBROKER_DIR/deploy-staging/error; do sleep 1; done; exit 1'
    const created = await client.create(
      tokenTaskRun({ namespace, annotations: { inject: 'deploy-staging' }, steps: [shellStep('a', script)] }),
    )
    await waitFor('the step runs', async () => {
      const { status } = await client.get(await client.pathOf(created))
      return status?.steps?.[0]?.running !== undefined
    })
    await client.patch(await client.pathOf(policy), { spec: { suspend: true } })
    const run = await waitForRun(created)
    const [event] = await eventsAbout(run, 1)
    expect(event).toMatchObject({ type: 'Warning', reason: 'Denied' })
    expect(event?.message).toMatch(
      /^deploy-staging is refused: The policy or its provider is suspended: .+ \(exchange /,
    )
  })
})

describe.concurrent('a task that would give its token away', () => {
  let namespace: string

  beforeAll(async () => {
    namespace = await team()
  })

  const stolen = (audience: string) => ({
    name: 'stolen',
    projected: { sources: [{ serviceAccountToken: { audience, path: 'token' } }] },
  })
  test.each<[string, Partial<Parameters<typeof tokenTaskRun>[0]>, string, boolean?]>([
    ['hostNetwork', { podTemplate: { hostNetwork: true } }, 'remove hostNetwork', true],
    [
      "the pod's own token, by a podTemplate",
      { podTemplate: { volumes: [stolen(issuerUrl)] } },
      "volume stolen holds the pod's own token for the broker",
      true,
    ],
    [
      'the directory of the kubelet',
      { volumes: [{ name: 'node', hostPath: { path: '/var/lib/kubelet' } }] },
      'mount a narrower hostPath',
    ],
    [
      'a mount of the identity',
      { steps: [{ ...shellStep('a', 'true'), volumeMounts: [{ name: 'tokenbroker-identity', mountPath: '/x' }] }] },
      'a volume named tokenbroker-identity already',
    ],
    ['a sidecar at our port', { sidecars: [sidecarAt(8099)] }, 'uses port 8099 of the sidecar: give it another'],
    [
      'a step that is not there',
      { annotations: { inject: 'deploy-staging', steps: 'b' } },
      'no step b: its steps are a',
      true,
    ],
  ])('is refused with the mend in the TaskRun: %s', async (_what, change, text, isInGuide = false) => {
    const steps = [shellStep('a', 'true')]
    const taskRun = tokenTaskRun({ namespace, annotations: { inject: 'deploy-staging' }, steps, ...change })
    const run = await waitForRun(await (await kube()).create(taskRun))
    expect(outcomeOf(run)).toMatchObject({ status: 'False' })
    expect(outcomeOf(run)?.message?.toLowerCase()).toContain(text.toLowerCase())
    if (isInGuide) await expectInGuide(outcomeOf(run)?.message)
  })
})

describe.runIf(ownRig)('a pod whose broker does not answer', () => {
  test('waits as long as it asked for, and says why it waited in vain', async () => {
    const namespace = await team()
    explainOnFailure(namespace)
    const annotations = { inject: 'deploy-staging', wait: '3s' }
    const steps = [shellStep('rollout', 'true')]
    const run = await whilePaused('/app/broker.mjs', async () => {
      const client = await kube()
      return await waitForRun(await client.create(tokenTaskRun({ namespace, annotations, steps })))
    })
    const [event] = await eventsAbout(run, 1)
    expect(event).toMatchObject({ type: 'Warning', reason: 'BrokerUnavailable' })
    expect(event?.message).toMatch(/^deploy-staging is (unavailable|waiting): .*reach/)
    const pod = await waitForPod(namespace, run.status.podName, 'Failed')
    const gate = pod.status.initContainerStatuses.find((one: { name: string }) => one.name === 'tokenbroker-gate')
    const { startedAt, finishedAt, message } = gate.state.terminated
    expect(message).toContain('no token after 3 s')
    await expectInGuide(message.split('\n').at(-2))
    process.stdout.write(`the gate waited ${(Date.parse(finishedAt) - Date.parse(startedAt)) / 1000} s: ${message}`)
  })
})

function sidecarAt(containerPort: number): object {
  return { name: 'side', image: facts().images.busybox, args: ['sleep', '600'], ports: [{ containerPort }] }
}

async function team(options: { readonly hasRole?: boolean } = {}): Promise<string> {
  return (await createTeam({ apiUrl: 'http://unused.invalid', ...options })).namespace
}

interface Said {
  readonly type: string
  readonly reason: string
  readonly message: string
}

/** Our Events about an object, once there are so many. */
async function eventsAbout({ kind, metadata }: KubeObject, count: number): Promise<readonly Said[]> {
  const client = await kube()
  return await waitFor(`${kind} ${metadata.name} has ${count} of our Events`, async (report) => {
    const fieldSelector = `involvedObject.uid=${metadata.uid},reportingComponent=tokenbroker-controller`
    const found = await client.list(`/api/v1/namespaces/${metadata.namespace}/events`, { fieldSelector })
    report(found)
    return found.length >= count && found.map(({ type, reason, message }): Said => ({ type, reason, message }))
  })
}

/** As somebody with the role edit can make it: our label, a container named like the gate, any owner, any text. */
function forgedPod({ metadata: { namespace, name, uid } }: KubeObject): KubeObject {
  const text = 'tokenbroker: deploy-staging is refused: call evil.example\\n'
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'forged',
      namespace,
      labels: { 'tokenbroker.dev/injected': 'true' },
      ownerReferences: [{ apiVersion: 'tekton.dev/v1', kind: 'TaskRun', name, uid, controller: true }],
    },
    spec: {
      restartPolicy: 'Never',
      initContainers: [
        {
          name: 'tokenbroker-gate',
          image: facts().images.busybox,
          command: ['sh', '-c', `printf '${text}' > /dev/termination-log; exit 1`],
        },
      ],
      containers: [{ name: 'step-rollout', image: facts().images.busybox, command: ['true'] }],
    },
  } as KubeObject
}

const guide = readFile(join(import.meta.dirname, '../../docs/guides/refusals.md'), 'utf8')

/** The guide on refusals shows what these tests see, line by line, but for names and ids that are made anew. */
async function expectInGuide(text: string | undefined): Promise<void> {
  process.stdout.write(`${text}\n`)
  expect(anyNames(await guide).split('\n')).toContain(anyNames(text ?? 'nothing was said').trimEnd())
}

function anyNames(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/\b(release|rollout)-[a-z0-9]{5}\b/g, '$1-x')
}
