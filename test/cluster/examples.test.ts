import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apply, facts, kube } from './harness/cluster.ts'
import { type KubeObject, readObjects } from './harness/kube.ts'
import { explainOnFailure, outcomeOf, waitForPod, waitForSuccess } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { type DeployApi, startDeployApi } from './product/deploy-api.ts'
import { setNativeSidecars } from './product/feature-flag.ts'
import { installProduct } from './product/install.ts'
import { issuerUrl, tokenUrl } from './product/manifests.ts'
import { builtinProvider } from './product/payments.ts'

/** On a foreign cluster the steps would not trust the certificate of the protected API. */
const ownRig = facts().pki !== null
const folder = join(import.meta.dirname, '../../tekton')
const namespace = 'payments'
const covered = new Set<string>()
let api: DeployApi

beforeAll(async () => {
  const { authority } = await installProduct()
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
  const files = 'examples/hand-written-sidecar'

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
      await apply(await read(`${files}/access.yaml`))
      await apply(await read(`${files}/task.yaml`))
      const [taskRun] = readObjects(await read(`${files}/task-run.yaml`))
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

describe.runIf(ownRig)('custom-task', () => {
  const files = 'examples/custom-task'

  test('the run is authorised, and the task behind it is let in by the API', async () => {
    explainOnFailure(namespace)
    for (const file of ['rbac', 'token-policy', 'task', 'pipeline'])
      await apply(renamed(await read(`${files}/${file}.yaml`)))
    const [pipelineRun] = readObjects(await read(`${files}/pipeline-run.yaml`))
    const { taskRunTemplate } = pipelineRun?.spec ?? {}
    const run = await start(pipelineRun, { taskRunTemplate: { ...taskRunTemplate, podTemplate: api.podTemplate } })
    expect(outcomeOf(await waitForSuccess(run))?.reason).toBe('Succeeded')
    const claims = api.accepted.filter((one) => one['pipeline_run'] === run.metadata.name)
    expect(claims).toMatchObject([{ pipeline: 'release', task: 'deploy', scope: 'deploy:staging' }])
  })
})

test.runIf(ownRig)('every YAML file of tekton/ is applied above', () => {
  const shipped = globSync('**/*.{yaml,yml}', { cwd: folder })
  expect(shipped.length).toBeGreaterThan(0)
  expect([...covered].toSorted()).toEqual(shipped.toSorted())
})

async function read(file: string): Promise<string> {
  covered.add(file)
  return await readFile(join(folder, file), 'utf8')
}

/** `kubectl create` of a run, with what its user sets. */
async function start(run: KubeObject | undefined, settings: object): Promise<KubeObject> {
  if (run === undefined) throw new Error('the example has no run')
  return await (await kube()).create({ ...run, spec: { ...run.spec, ...settings } })
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

/** The same where the example has no params: names of images and hosts are changed in the text. */
function renamed(yaml: string): string {
  const { images } = facts()
  return yaml
    .replaceAll(/ghcr\.io\/tekton-token-broker\/tokenbroker-task:[\w.]+/g, images.task ?? '')
    .replaceAll(/curlimages\/curl:[\w.]+/g, images.curl)
    .replaceAll('https://tokenbroker.tokenbroker.svc', tokenUrl)
    .replaceAll('https://tokenbroker-discovery.tokenbroker.svc', issuerUrl)
}
