import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apply, facts, kube } from './harness/cluster.ts'
import { type KubeObject, readObjects } from './harness/kube.ts'
import { kubectl } from './harness/kubectl.ts'
import { explainOnFailure, outcomeOf, podLogs, waitForPod, waitForRun, waitForSuccess } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { type DeployApi, startDeployApi } from './product/deploy-api.ts'
import { setNativeSidecars } from './product/feature-flag.ts'
import { installProduct } from './product/install.ts'
import { issuerUrl, tokenUrl } from './product/names.ts'
import { builtinProvider } from './product/payments.ts'
import { questionAbout } from './product/people.ts'

/** On a foreign cluster the steps would not trust the certificate of the protected API. */
const ownRig = facts().pki !== null
const folder = join(import.meta.dirname, '../../tekton')
const namespace = 'payments'
const annotation = filesOf('annotation', ['access', 'task-run'])
const callApi = ['step-action', 'task-run'].map((file) => join('stepactions', 'call-protected-api', `${file}.yaml`))
const handWritten = filesOf('hand-written-sidecar', ['access', 'task', 'task-run'])
const customTask = filesOf('custom-task', ['rbac', 'token-policy', 'task', 'pipeline', 'pipeline-run'])
const secret = filesOf('secret', ['rbac', 'token-policy', 'task', 'pipeline', 'pipeline-run'])
const approval = filesOf('approval', ['token-policy', 'approvers', 'rbac', 'pipeline', 'pipeline-run'])
/** Applied by events.test.ts. */
const event = filesOf('event', ['access', 'event-listener', 'event-listener-access'])
/** Judged without a cluster, by policy-test.test.ts of the CLI. */
const policyTest = filesOf('policy-test', ['cases', 'policies'])
let api: DeployApi

beforeAll(async () => {
  const { authority } = await installProduct({ secrets: true })
  api = await startDeployApi(authority)
  await apply([
    builtinProvider,
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'tokenbroker-ca', namespace },
      data: { 'ca.crt': authority },
    },
  ])
  await waitFor('the namespace can run pods', async () =>
    (await kube()).find(`/api/v1/namespaces/${namespace}/serviceaccounts/default`),
  )
})

afterAll(async () => {
  await api?.close()
  await (await kube()).close()
})

describe.runIf(ownRig)('hand-written-sidecar', () => {
  describe.each(['false', 'true'])('with enable-kubernetes-sidecar %s', (flag) => {
    let before: string
    let run: KubeObject
    let pod: KubeObject

    beforeAll(async () => {
      before = await setNativeSidecars(flag, namespace)
    })
    afterAll(async () => {
      await setNativeSidecars(before, namespace)
    })

    test('the step calls the API with a token that says which TaskRun it is', async () => {
      explainOnFailure(namespace)
      const taskRun = await applyExample(handWritten)
      run = await start(taskRun, { podTemplate: api.podTemplate, params: installation() })
      run = await waitForSuccess(run)
      const claims = api.accepted.find((one) => one['task_run'] === run.metadata.name)
      expect(claims).toMatchObject({ sub: 'system:serviceaccount:payments:deployer', scope: 'deploy:staging' })
      expect(claims).not.toHaveProperty('pipeline_run')
    })

    test('the pod ends well, and the run does not wait for the sidecar', async () => {
      pod = await waitForPod(namespace, run.status.podName, 'Succeeded')
      const isNative = pod.spec.initContainers.some((one: { name: string }) => one.name === 'sidecar-tokenbroker')
      expect(String(isNative)).toBe(flag)
      const ends = run.status.steps.map((step: { terminated: { finishedAt: string } }) =>
        Date.parse(step.terminated.finishedAt),
      )
      // a sidecar that does not stop when it is told to is killed after 30 s
      expect(Date.parse(run.status.completionTime) - Math.max(...ends)).toBeLessThan(10_000)
    })
  })
})

describe.runIf(ownRig).concurrent('custom-task', () => {
  test('the run is authorised, and the task behind it is let in by the API', async (context) => {
    explainOnFailure(namespace, context)
    const pipelineRun = await applyExample(customTask, renamed)
    const taskRunTemplate = { ...pipelineRun.spec.taskRunTemplate, podTemplate: api.podTemplate }
    const run = await start(pipelineRun, { taskRunTemplate })
    expect(outcomeOf(await waitForSuccess(run))?.reason).toBe('Succeeded')
    const claims = api.accepted.filter((one) => one['pipeline_run'] === run.metadata.name)
    expect(claims).toMatchObject([{ pipeline: 'release', task: 'deploy', scope: 'deploy:staging' }])
  })
})

describe.runIf(ownRig).concurrent('secret', () => {
  test('the task that mounts the Secret is let in by the API, and the Secret ends with the run', async (context) => {
    explainOnFailure(namespace, context)
    const pipelineRun = await applyExample(secret, renamed)
    const taskRunTemplate = { ...pipelineRun.spec.taskRunTemplate, podTemplate: api.podTemplate }
    const run = await start(pipelineRun, { taskRunTemplate })
    expect(outcomeOf(await waitForSuccess(run))?.reason).toBe('Succeeded')
    const claims = api.accepted.filter((one) => one['pipeline_run'] === run.metadata.name)
    expect(claims).toMatchObject([{ pipeline: 'release-with-secret', scope: 'deploy:staging' }])
    await waitFor('there is no Secret of ours', async () => {
      const labelSelector = 'tokenbroker.dev/deliver=secret'
      return (await (await kube()).list(`/api/v1/namespaces/${namespace}/secrets`, { labelSelector })).length === 0
    })
  })
})

describe.runIf(ownRig).concurrent('approval', () => {
  test('the run goes on when people patched what the guide prints, and the API lets it in', async (context) => {
    explainOnFailure(namespace, context)
    const pipelineRun = await applyExample(approval, renamed)
    const taskRunTemplate = { ...pipelineRun.spec.taskRunTemplate, podTemplate: api.podTemplate }
    const run = await start(pipelineRun, { taskRunTemplate })
    const question = await questionAbout(run)
    // Nobody proved who started it, so two people have to say yes.
    expect(question.spec.requirements).toEqual([{ groups: ['release-managers'], required: 2 }])
    for (const person of ['alice@example.com', 'bob@example.com']) {
      expect(await approveAsPrinted(question, person)).toMatchObject({ code: 0 })
    }
    expect(outcomeOf(await waitForSuccess(run))?.reason).toBe('Succeeded')
    const claims = api.accepted.filter((one) => one['pipeline_run'] === run.metadata.name)
    expect(claims).toMatchObject([{ pipeline: 'release-to-production', scope: 'deploy:production' }])
  })
})

/** The command of the guide, for this question and this person. */
async function approveAsPrinted(question: KubeObject, person: string) {
  const guide = await readFile(join(folder, '../docs/guides/approvals.md'), 'utf8')
  const [, printed = ''] = /^kubectl (patch tokenapproval [\s\S]*?)\n```/m.exec(guide) ?? []
  const command = printed
    .replace(/deploy-production-[0-9a-f]{20}/, question.metadata.name ?? '')
    .replace('alice@example.com', person)
  const words = command.replace('\\\n', '').match(/'[^']*'|\S+/g) ?? []
  const who = ['--as', person, '--as-group', 'release-managers', '--as-group', 'system:authenticated']
  return await kubectl(...who, ...words.map((word) => word.replaceAll("'", '')))
}

describe.runIf(ownRig).concurrent('annotation', () => {
  test('one line brings the token, and the API lets the step in', async (context) => {
    explainOnFailure(namespace, context)
    const taskRun = await applyExample(annotation, renamed)
    const run = await waitForSuccess(await start(taskRun, { podTemplate: api.podTemplate }))
    const claims = api.accepted.find((one) => one['task_run'] === run.metadata.name)
    expect(claims).toMatchObject({ sub: 'system:serviceaccount:payments:deployer', scope: 'deploy:staging' })
  })
})

describe.runIf(ownRig).concurrent('the StepAction call-protected-api', () => {
  let taskRun: KubeObject
  beforeAll(async () => {
    await applyExample(annotation, renamed)
    taskRun = await applyExample(callApi, renamed)
  })

  test('calls the API with the token of its step', async (context) => {
    explainOnFailure(namespace, context)
    const run = await waitForSuccess(await start(taskRun, { podTemplate: api.podTemplate }))

    expect(run.status.steps[0].results).toMatchObject([{ name: 'status', value: '201' }])
    expect(api.accepted.some((one) => one['task_run'] === run.metadata.name)).toBe(true)
  })

  test.each([
    ['no sidecar', {}, {}, 'TokenExchange task; where it is there, the webhook was away: tokenbroker doctor'],
    ['another policy', undefined, { policy: 'another' }, 'this step has no token of that policy'],
    ['a path for a policy', undefined, { policy: '../key' }, 'param policy is no name of a policy'],
    ['an address without TLS', undefined, { url: 'http://deploy.example.com' }, 'param url is no https address'],
  ])('fails with the mend where it has %s', async (_, annotations, params, sentence) => {
    const metadata = annotations === undefined ? taskRun.metadata : { ...taskRun.metadata, annotations }
    const [step] = taskRun.spec.taskSpec.steps
    const given = { ...Object.fromEntries(step.params.map((one: Param) => [one.name, one.value])), ...params }
    const steps = [{ ...step, params: Object.entries(given).map(([name, value]) => ({ name, value })) }]

    const run = await start({ ...taskRun, metadata }, { podTemplate: api.podTemplate, taskSpec: { steps } })

    const ended = await waitForRun(run)
    expect(outcomeOf(ended)?.status).toBe('False')
    expect(await podLogs(namespace, ended.status.podName, 'step-rollout')).toContain(sentence)
  })
})

interface Param {
  readonly name: string
  readonly value: string
}

test('every YAML file of tekton/ belongs to an example above', () => {
  const shipped = globSync('**/*.{yaml,yml}', { cwd: folder })
  expect(shipped.toSorted()).toEqual(
    [
      ...annotation,
      ...approval,
      ...callApi,
      ...event,
      ...handWritten,
      ...customTask,
      ...policyTest,
      ...secret,
    ].toSorted(),
  )
})

function filesOf(example: string, files: readonly string[]): readonly string[] {
  return files.map((file) => join('examples', example, `${file}.yaml`))
}

/** Does what the example's README says: everything is applied but the run, which is given back. */
async function applyExample(files: readonly string[], change = (yaml: string) => yaml): Promise<KubeObject> {
  const runs: KubeObject[] = []
  for (const file of files) {
    const objects = readObjects(change(await readFile(join(folder, file), 'utf8')))
    runs.push(...objects.filter(isRun))
    await apply(objects.filter((object) => !isRun(object)))
  }
  const [run, ...others] = runs
  if (run === undefined || others.length > 0) throw new Error('an example has one run')
  return run
}

function isRun({ kind }: KubeObject): boolean {
  return kind === 'TaskRun' || kind === 'PipelineRun'
}

/** `kubectl create` of a run, with what its user sets. */
async function start(run: KubeObject, settings: object): Promise<KubeObject> {
  return await (await kube()).create(
    { ...run, spec: { ...run.spec, ...settings } },
    { query: { fieldValidation: 'Strict' } },
  )
}

/** The params that say where everything is. */
function installation(): readonly object[] {
  const { images } = facts()
  return [
    { name: 'broker-url', value: tokenUrl },
    { name: 'issuer-url', value: issuerUrl },
    { name: 'sidecar-image', value: images.task },
    { name: 'step-image', value: images.curl },
  ]
}

/** The same where the example has no params: names of images are changed in the text. */
function renamed(yaml: string): string {
  const { images } = facts()
  return yaml
    .replaceAll(/ghcr\.io\/tekton-token-broker\/tokenbroker-task:[\w.]+/g, images.task ?? '')
    .replaceAll(/curlimages\/curl:[\w.]+/g, images.curl)
}
