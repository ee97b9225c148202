import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apply, facts, kube } from './harness/cluster.ts'
import { type CallOptions, KubeError, type KubeObject } from './harness/kube.ts'
import { waitForPod, waitForRun, waitForSuccess } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { bindingPath, inForce, policyPath, untilBrokerSays, withoutPolicy } from './product/admission.ts'
import { journalRecords } from './product/audit.ts'
import { mintToken } from './product/broker-api.ts'
import { editorToken } from './product/editor.ts'
import { chart, helm } from './product/helm.ts'
import { installProduct } from './product/install.ts'
import { issuerUrl, release, system, target } from './product/names.ts'
import { childOf, createTeam, pipelineRun } from './product/payments.ts'
import { shellStep, tokenTaskRun } from './product/token-task.ts'

let namespace: string
/** Somebody who may do in the namespace what the ClusterRole `edit` says. */
let editor: CallOptions
let run: KubeObject
let customRun: KubeObject
let taskRun: KubeObject
let pod: KubeObject

beforeAll(async () => {
  await installProduct()
  namespace = (await createTeam({ apiUrl: 'http://unused.invalid' })).namespace
  const client = await kube()
  await client.patch(`/api/v1/namespaces/${namespace}`, {
    metadata: { labels: { 'tokenbroker.dev/verified': 'true' } },
  })
  editor = { token: await editorToken(namespace) }
  await untilBrokerSays(inForce)
  run = await client.create(workingRun())
  taskRun = await waitFor('the task is at work', async () => {
    const { status } = await client.get(await client.pathOf(run))
    const hasTask = status?.childReferences?.some(({ kind }: { kind: string }) => kind === 'TaskRun')
    const child = hasTask && (await childOf(run, 'taskruns', 'work'))
    return typeof child === 'object' && child.status?.podName ? child : undefined
  })
  customRun = await childOf(run, 'customruns', 'token')
  const { podName } = taskRun.status
  await waitForPod(namespace, podName, 'Running')
  pod = await client.get(`/api/v1/namespaces/${namespace}/pods/${podName}`)
})

afterAll(async () => {
  await (await kube()).close()
})

/** A gate, and behind it a task that works until it is stopped. */
function workingRun(): KubeObject {
  const { spec, ...rest } = pipelineRun(namespace)
  const [token] = spec.pipelineSpec.tasks
  const steps = [{ name: 'work', image: facts().images.busybox, script: '#!/bin/sh\nexec sleep 600\n' }]
  return {
    ...rest,
    spec: { ...spec, pipelineSpec: { tasks: [token, { name: 'work', runAfter: ['token'], taskSpec: { steps } }] } },
  }
}

/** What the API server says to it; empty where it lets it happen. */
async function refusal(attempt: Promise<unknown>): Promise<string> {
  return await attempt.then(
    () => '',
    (error: unknown) => {
      if (error instanceof KubeError) return `${error.status} ${error.message}`
      throw error
    },
  )
}

async function create(object: KubeObject, as: CallOptions = editor): Promise<string> {
  return await refusal((await kube()).create(object, { ...as, query: { dryRun: 'All' } }))
}

async function patch(object: KubeObject, change: object, as: CallOptions = editor): Promise<string> {
  const client = await kube()
  return await refusal(client.patch(await client.pathOf(object), change, { ...as, query: { dryRun: 'All' } }))
}

const byPolicy = (name: string) => new RegExp(`^403 .*ValidatingAdmissionPolicy 'tokenbroker-${name}'`)

const ownedBy = ({ apiVersion, kind, metadata: { name, uid } }: KubeObject) => [
  { apiVersion, kind, name, uid, controller: true },
]

/** Labels by which Tekton finds the children of a run. */
const labelsOfChild = (task: string) => ({
  'tekton.dev/pipelineRun': run.metadata.name ?? '',
  'tekton.dev/pipelineRunUID': run.metadata.uid ?? '',
  'tekton.dev/pipelineTask': task,
})

function plantedCustomRun(metadata: object, serviceAccountName = 'editor'): KubeObject {
  const customRef = { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' }
  return {
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'CustomRun',
    metadata: { name: 'planted', namespace, ...metadata },
    spec: { customRef, serviceAccountName },
  }
}

function plantedTaskRun(metadata: object): KubeObject {
  const steps = [{ name: 'steal', image: facts().images.busybox, script: 'true' }]
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 'planted', namespace, ...metadata },
    spec: { serviceAccountName: 'deployer', taskSpec: { steps } },
  }
}

function plantedPod(metadata: object): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'planted', namespace, ...metadata },
    spec: { serviceAccountName: 'deployer', containers: [{ name: 'steal', image: facts().images.busybox }] },
  }
}

describe('somebody with the role edit', () => {
  test('plants no CustomRun, TaskRun or pod that says to be the child of a run', async () => {
    for (const planted of [plantedCustomRun, plantedTaskRun, plantedPod]) {
      const parent = planted === plantedPod ? taskRun : run
      // Where two policies refuse, the API server names either.
      const refused = planted === plantedCustomRun ? byPolicy('(?:provenance|custom-runs)') : byPolicy('provenance')
      expect(await create(planted({ ownerReferences: ownedBy(parent) }))).toMatch(refused)
      expect(await create(planted({ labels: labelsOfChild('later') }))).toMatch(refused)
    }
  })

  test('makes no object the child of a run, or another one, after the fact', async () => {
    for (const object of [customRun, taskRun, pod]) {
      expect(await patch(object, { metadata: { ownerReferences: [] } })).toMatch(byPolicy('provenance'))
      const labels = { 'tekton.dev/pipelineTask': 'release' }
      expect(await patch(object, { metadata: { labels } })).toMatch(byPolicy('provenance'))
      expect(await patch(object, { metadata: { labels: { 'tekton.dev/pipelineRun': null } } })).toMatch(
        byPolicy('provenance'),
      )
    }
  })

  test("goes on labelling and annotating runs and pods with whatever is nobody's proof", async () => {
    const metadata = { labels: { team: 'payments' }, annotations: { note: 'seen' } }
    for (const object of [run, customRun, taskRun, pod]) expect(await patch(object, { metadata })).toBe('')
    expect(await create(plantedTaskRun({ labels: { team: 'payments' } }))).toBe('')
  })

  test('forges no labels on TaskRuns that Tekton really makes', async () => {
    const forged = (metadata: object) => {
      const { spec, ...rest } = workingRun()
      return { ...rest, spec: { ...spec, taskRunSpecs: [{ pipelineTaskName: 'work', metadata }] } }
    }
    for (const key of ['tekton.dev/pipelineTask', 'triggers.tekton.dev/eventlistener']) {
      expect(await create(forged({ labels: { [key]: 'x' } }))).toMatch(byPolicy('task-run-specs'))
      expect(await create(forged({ annotations: { [key]: 'x' } }))).toMatch(byPolicy('task-run-specs'))
    }
    expect(await create(forged({ annotations: { 'tokenbroker.dev/inject': 'deploy-staging' } }))).toBe('')
  })

  test('edits no CustomRun, but cancels it', async () => {
    const params = [{ name: 'scope', value: 'deploy:production' }]
    expect(await patch(customRun, { spec: { params } })).toMatch(byPolicy('custom-runs'))
    expect(await patch(customRun, { spec: { serviceAccountName: 'editor' } })).toMatch(byPolicy('custom-runs'))
    expect(await patch(customRun, { spec: { customRef: { name: 'other' } } })).toMatch(byPolicy('custom-runs'))
    expect(await patch(customRun, { spec: { status: 'RunCancelled', statusMessage: 'enough' } })).toBe('')
  })

  test('names in a CustomRun of our kind only a ServiceAccount that they may use', async () => {
    expect(await create(plantedCustomRun({}, 'deployer'))).toMatch(/takes the verb use on the ServiceAccount/)
    const apiGroup = 'rbac.authorization.k8s.io'
    const metadata = { name: 'use-editor', namespace }
    const rules = [{ apiGroups: [''], resources: ['serviceaccounts'], resourceNames: ['editor'], verbs: ['use'] }]
    const subjects = [{ kind: 'ServiceAccount', name: 'editor', namespace }]
    const roleRef = { apiGroup, kind: 'Role', name: 'use-editor' }
    await apply([
      { apiVersion: `${apiGroup}/v1`, kind: 'Role', metadata, rules },
      { apiVersion: `${apiGroup}/v1`, kind: 'RoleBinding', metadata, roleRef, subjects },
    ])
    await waitFor(
      'the Role is in force',
      async () => (await create(plantedCustomRun({}, 'editor'))) === '' || undefined,
    )
    expect(await create(plantedCustomRun({}, 'deployer'))).toMatch(byPolicy('custom-runs'))
  })

  test('says of no run that an event caused it', async () => {
    const labels = {
      'triggers.tekton.dev/eventlistener': 'github',
      'triggers.tekton.dev/triggers-eventid': randomUUID(),
    }
    const { metadata, ...rest } = workingRun()
    expect(await create({ ...rest, metadata: { ...metadata, labels } })).toMatch(byPolicy('trigger-labels'))
    expect(await create(plantedTaskRun({ labels }))).toMatch(byPolicy('trigger-labels'))
    expect(await patch(run, { metadata: { labels } })).toMatch(byPolicy('trigger-labels'))
  })

  test('says so neither by the labels of a Pipeline, which Tekton copies onto the run', async () => {
    const client = await kube()
    const labels = { 'triggers.tekton.dev/trigger': 'push', 'triggers.tekton.dev/triggers-eventid': randomUUID() }
    const { spec, ...rest } = workingRun()
    const metadata = { name: 'labelled', namespace, labels }
    await client.create({ apiVersion: 'tekton.dev/v1', kind: 'Pipeline', metadata, spec: spec.pipelineSpec }, editor)
    const pipelineRef = { name: 'labelled' }
    const made = await client.create({ ...rest, spec: { ...spec, pipelineSpec: undefined, pipelineRef } }, editor)
    const fieldSelector = `involvedObject.name=${made.metadata.name}`
    await waitFor('Tekton is told why not', async (report) => {
      const events = await client.list(`/api/v1/namespaces/${namespace}/events`, { fieldSelector })
      const messages = events.map(({ message }) => String(message))
      report(messages.join('\n'))
      return messages.some((message) => message.includes('only EventListeners write the labels')) || undefined
    })

    const now = await client.get(await client.pathOf(made))
    expect(Object.keys(now.metadata.labels ?? {}).filter((key) => key.startsWith('triggers.'))).toEqual([])
    await client.delete(await client.pathOf(made))
  })

  test('mints no token for the broker in the name of a pod, and any other as before', async () => {
    expect(await refusal(mintToken(pod, issuerUrl, editor))).toMatch(byPolicy('token-audience'))
    expect(await refusal(mintToken(pod, 'https://other.example.com', {}))).toBe('')
  })

  test('enters no pod: not by exec, attach, a forwarded port, the proxy or a container of their own', async () => {
    const client = await kube()
    const path = await client.pathOf(pod)
    const query = { command: 'id', stdout: 'true', container: 'step-work' }
    for (const door of ['exec', 'attach', 'portforward', 'proxy']) {
      const options = door === 'proxy' || door === 'portforward' ? editor : { ...editor, query }
      expect(await refusal(client.post(`${path}/${door}`, {}, options))).toMatch(byPolicy('pod-access'))
    }
    const ephemeralContainers = [{ name: 'debug', image: facts().images.busybox, targetContainerName: 'step-work' }]
    expect(await refusal(client.patch(`${path}/ephemeralcontainers`, { spec: { ephemeralContainers } }))).toMatch(
      byPolicy('pod-access'),
    )
  })

  test('puts no other program into a running step', async () => {
    const containers = pod.spec.containers.map(({ name }: { name: string }) => ({ name, image: 'evil.example/steal' }))
    const contentType = 'application/strategic-merge-patch+json'
    expect(await patch(pod, { spec: { containers } }, { ...editor, contentType })).toMatch(byPolicy('pod-images'))
  })

  test('names nobody else as the one who made a run', async () => {
    const annotations = { 'tokenbroker.dev/initiator': '{"username":"alice","uid":""}' }
    expect(await patch(run, { metadata: { annotations } })).toMatch(byPolicy('initiator'))
    expect(await patch(run, { metadata: { annotations: { 'tokenbroker.dev/initiator': null } } })).toMatch(
      new RegExp(`^$|${byPolicy('initiator').source}`),
    )
  })
})

test('a cluster administrator, too, writes neither the status of runs nor what the broker says', async () => {
  const client = await kube()
  const status = async (object: KubeObject, change: object) =>
    await refusal(client.patch(`${await client.pathOf(object)}/status`, { status: change }))
  const policy = {
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenPolicy',
    metadata: { name: 'deploy-staging', namespace },
  }

  expect(await status(taskRun, { podName: 'planted' })).toMatch(byPolicy('run-status'))
  expect(await status(run, { childReferences: [] })).toMatch(byPolicy('run-status'))
  expect(await status(customRun, { results: [] })).toMatch(byPolicy('custom-runs'))
  expect(await status(policy, { observedGeneration: 7 })).toMatch(byPolicy('broker-objects'))
})

test('whoever has the token of our controller changes no CustomRun of another kind', async () => {
  const client = await kube()
  const { spec, ...rest } = plantedCustomRun({ name: 'foreign' })
  const customRef = { apiVersion: 'example.com/v1', kind: 'Loop', name: 'x' }
  const foreign = await client.create({ ...rest, spec: { ...spec, customRef } })
  const controller = { as: { username: `system:serviceaccount:${system}:${release}-controller` } }

  expect(await patch(foreign, { spec: { serviceAccountName: 'deployer' } }, controller)).toMatch(
    byPolicy('custom-runs'),
  )
  expect(await patch(customRun, { metadata: { finalizers: ['tokenbroker.dev/x'] } }, controller)).toBe('')
})

test('nor does one ask a resolver in the place of Tekton', async () => {
  const request = {
    apiVersion: 'resolution.tekton.dev/v1beta1',
    kind: 'ResolutionRequest',
    metadata: { name: 'planted', namespace, labels: { 'resolution.tekton.dev/type': 'git' } },
    spec: { params: [{ name: 'url', value: 'https://git.example.com/evil.git' }] },
  }

  expect(await create(request, {})).toMatch(byPolicy('resolution-requests'))
})

test('the StatefulSets of Tekton, whose pods Kubernetes makes, go on', async () => {
  const labels = { 'app.kubernetes.io/component': 'affinity-assistant', ...labelsOfChild('x') }
  const template = { metadata: { labels }, spec: plantedPod({}).spec }
  const metadata = { name: 'affinity-assistant', namespace }
  const spec = { replicas: 1, serviceName: 'none', selector: { matchLabels: labels }, template }
  await apply([{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec }])

  const client = await kube()
  await waitFor('its pod is made', () => client.find(`/api/v1/namespaces/${namespace}/pods/affinity-assistant-0`))
})

test('the chart is not installed with another ServiceAccount for Tekton, as no pipeline would run any more', async () => {
  const values = { admission: { tektonControllers: ['elsewhere/tekton-controller'] } }
  const args = ['upgrade', release, chart, '--namespace', system, '--reuse-values', '--dry-run=server']
  await expect(helm(args, values)).rejects.toThrow(/there is no ServiceAccount elsewhere\/tekton-controller/)
})

describe('a policy that asks for verified runs', () => {
  beforeAll(async () => {
    const spec = { audience: target, scopes: ['deploy:staging'], runs: { assurance: 'verified' } }
    const metadata = { name: 'only-verified', namespace }
    await apply([{ apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenPolicy', metadata, spec }])
    const settledMs = Date.now() + 6000
    await waitFor('the label of the namespace is older than the run', async () => Date.now() > settledMs)
  })

  test('gives the token to a run of a labelled namespace, which the record calls verified', async () => {
    const made = await (await kube()).create(askingRun())
    await waitForSuccess(made)
    expect(await recordOf(made)).toMatchObject({ outcome: 'granted', run: { assurance: 'verified' } })
  })

  test('refuses it while one admission policy only audits: the record calls it claimed, and says why', async () => {
    const client = await kube()
    const made = await withoutPolicy('pod-images', async () => {
      await untilBrokerSays(/Binding tokenbroker-pod-images is not the one/)
      const run = await client.create(askingRun())
      await waitForRun(run)
      return run
    })
    const record = await recordOf(made)
    expect(record).toMatchObject({ outcome: 'denied', run: { assurance: 'claimed' } })
    const detail = expect.stringContaining('tokenbroker-pod-images is not the one of this release')
    expect(record?.run?.evidence).toContainEqual({ hop: 'admission', verdict: 'claimed', detail })
    await untilBrokerSays(inForce)
  })
})

/** A TaskRun that stands alone and asks by annotation. */
function askingRun(): KubeObject {
  const steps = [shellStep('work', 'test -s "$TOKENBROKER_TOKEN_FILE"')]
  return tokenTaskRun({ namespace, annotations: { inject: 'only-verified' }, steps })
}

async function recordOf({ metadata }: KubeObject) {
  const records = (await journalRecords()).map(({ data }) => data)
  return records.find(
    ({ outcome, run: of }) => of?.task_run === metadata.name && ['granted', 'denied'].includes(String(outcome)),
  )
}

describe('the broker notices', () => {
  test('a policy that only audits, by its digest', async () => {
    await withoutPolicy('provenance', async () => {
      const planted = await create(plantedPod({ ownerReferences: ownedBy(taskRun) }))
      if (planted !== '') throw new Error(planted)
      expect(
        await untilBrokerSays(/ValidatingAdmissionPolicyBinding tokenbroker-provenance is not the one/),
      ).toBeTruthy()
    })
    await untilBrokerSays(inForce)
  })

  test('a policy that is away for a moment', async () => {
    const client = await kube()
    const path = policyPath('pod-access')
    const { apiVersion, kind, metadata, spec } = await client.get(path)
    const { name, labels = {}, annotations = {} } = metadata
    await client.delete(path)
    await untilBrokerSays(/ValidatingAdmissionPolicy tokenbroker-pod-access is missing/)
    await client.create({ apiVersion, kind, metadata: { name: name ?? '', labels, annotations }, spec })
    await untilBrokerSays(inForce)
  })

  test('a policy that says something else', async () => {
    const client = await kube()
    const path = bindingPath('token-audience')
    await client.patch(path, { spec: { matchResources: { namespaceSelector: { matchLabels: { nowhere: 'true' } } } } })
    await untilBrokerSays(/tokenbroker-token-audience is not the one of this release/)
    await client.patch(path, { spec: { matchResources: null } })
    await untilBrokerSays(inForce)
  })
})
