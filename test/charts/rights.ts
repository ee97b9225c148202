import { once } from 'node:events'
import { request } from 'node:https'
import { expect, type TestContext } from 'vitest'
import { type KubeObject, resources } from '../../core/io/kube/api.ts'
import { createKubeClient } from '../../core/io/kube/client.ts'
import { createEventRecorder } from '../../core/io/kube/events.ts'
import { createLog } from '../../core/io/log.ts'
import { Secret } from '../../core/secret.ts'
import { holdDecisions } from '../broker/approvals/hold-decisions.ts'
import type { FakeKube } from '../fakes/kube/server.ts'
import type { PlayedTask } from '../fakes/tekton/played-run.ts'
import { accountOf, type Installed, system } from './installed.ts'
import { type Rule, readRole } from './role-files.ts'

export type Account = (typeof accountOf)[keyof typeof accountOf]

/** Every right of the chart, as `<account> <verb> <resource>.<group>[/<subresource>]`. */
export function granted(): readonly string[] {
  return Object.entries(accountOf).flatMap(([file, account]) =>
    readRole(file).flatMap(({ rules }) =>
      rules.flatMap((rule) => rightsOf(rule).map((right) => `${account} ${right}`)),
    ),
  )
}

export function rightsOf({
  resources: plurals = [],
  apiGroups = [],
  nonResourceURLs = [],
  verbs,
}: Rule): readonly string[] {
  const things = plurals.flatMap((plural) => apiGroups.map((group) => `${plural}.${group}`))
  return [...things, ...nonResourceURLs].flatMap((thing) => verbs.map((verb) => `${verb} ${thing}`))
}

/** Every right that was made use of, in the same form, and what was refused. */
export function used({ kube }: Installed) {
  const ours = kube
    .requests()
    .filter(({ username }) => username.startsWith(`system:serviceaccount:${system}:`))
    .map((one) => ({ status: isCanary(one) ? 200 : one.status, right: rightOf(one) }))
  const rights = (isWanted: (status: number) => boolean) =>
    new Set(ours.filter(({ status }) => isWanted(status)).map(({ right }) => right))
  return { rights: rights((status) => status < 300), refused: rights((status) => status === 403) }
}

/** What the broker tries so that admission refuses it, which RBAC has to let through. */
function isCanary({ info, status }: ReturnType<FakeKube['requests']>[number]): boolean {
  return status === 403 && info.verb === 'create' && info.plural === 'customruns'
}

function rightOf({ username, info }: ReturnType<FakeKube['requests']>[number]): string {
  const thing =
    info.resource === undefined ? info.path : `${info.plural}${suffix(info.subresource)}.${info.resource.group}`
  return `${username.split(':').at(-1)} ${info.verb} ${thing}`
}

function suffix(subresource: string): string {
  return subresource === '' ? '' : `/${subresource}`
}

/** What Events do when something happens again, which takes a flapping broker. */
export async function recordTwice(
  { kube }: Installed,
  about: KubeObject,
  { onTestFinished }: TestContext,
): Promise<void> {
  const token = new Secret(kube.serviceAccountToken({ namespace: system, serviceAccount: 'tokenbroker-controller' }))
  const client = createKubeClient({ credentials: { server: kube.url, token } })
  onTestFinished(() => client.close())
  const log = createLog({ name: 'test', level: 'silent' })
  const recorder = createEventRecorder({
    client,
    component: 'test',
    instance: 'test',
    clock: () => new Date(),
    id: () => 'a',
    log,
  })
  const event = { type: 'Warning', reason: 'BrokerUnavailable', message: 'again' } as const
  for (let i = 0; i < 2; i += 1) await recorder.record(about, event, AbortSignal.timeout(5000))
}

export async function exchange({ urls }: Installed, task: PlayedTask): Promise<number> {
  const response = await fetch(`${urls.broker}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: task.projectedToken(urls.issuer),
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      policy: 'deploy-staging',
    }),
  })
  await response.arrayBuffer()
  return response.status
}

/** The API server's question about the pod of a task. */
export async function admit({ urls, authority }: Installed, { pod }: PlayedTask): Promise<unknown> {
  const { namespace, name } = pod.metadata
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      operation: 'CREATE',
      namespace,
      name,
      object: pod,
      userInfo: { username: 'system:serviceaccount:tekton-pipelines:tekton-pipelines-controller' },
    },
  }
  const headers = { 'content-type': 'application/json' }
  const call = request(`${urls.webhook}/mutate`, { method: 'POST', ca: authority, headers }).end(JSON.stringify(review))
  const [answer] = await once(call, 'response')
  let text = ''
  for await (const chunk of answer) text += chunk
  return JSON.parse(text).response
}

/** What the kubelet leaves behind of a pod that was refused its tokens. */
export function refusedPod({ pod }: PlayedTask): object {
  const terminated = {
    exitCode: 1,
    message: 'tokenbroker: deploy-staging is refused\n',
    finishedAt: new Date().toISOString(),
  }
  const { name, namespace, ownerReferences, labels = {} } = pod.metadata
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, ownerReferences, labels: { ...labels, 'tokenbroker.dev/injected': 'true' } },
    spec: pod.spec,
    status: { phase: 'Failed', initContainerStatuses: [{ name: 'tokenbroker-gate', state: { terminated } }] },
  }
}

/** A Secret that is made, renewed before its time, and deleted with its run. */
export async function deliverSecret({ kube, tekton }: Installed): Promise<void> {
  const params = [{ name: 'deliver', value: 'secret' }]
  const taskRef = { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' }
  const steps = [{ name: 'rollout', image: 'curlimages/curl' }]
  const tasks = [
    { name: 'token', taskRef, params },
    { name: 'deploy', runAfter: ['token'], taskSpec: { steps } },
  ]
  const run = tekton.createPipelineRun({ tasks }, { namespace: 'payments', serviceAccount: 'deployer' })
  await run.task('deploy')
  const customRun = kube.objects
    .list<KubeObject & { status: { extraFields?: { secrets?: readonly object[] } } }>(resources.customRuns, 'payments')
    .find(({ status }) => status?.extraFields?.secrets !== undefined)
  const secrets = customRun?.status.extraFields?.secrets?.map((one) => ({ ...one, renewAt: '2026-01-01T00:00:00Z' }))
  const { extraFields } = customRun?.status ?? expect.fail()
  kube.objects.patchStatus(
    resources.customRuns,
    { namespace: 'payments', name: customRun?.metadata.name ?? '' },
    { extraFields: { ...extraFields, secrets } },
  )
  await until(() => kube.requests({ verb: 'patch', resource: 'secrets', namespace: 'payments' }).length > 0)
  run.finishTask('deploy')
  await run.done()
  await until(() => kube.requests({ verb: 'delete', resource: 'secrets', namespace: 'payments' }).length > 0)
}

/** A question to people, and what they say, where the chart's admission policy holds them to it. */
export async function askPeople({ kube, tekton }: Installed): Promise<void> {
  holdDecisions(kube)
  const name = 'approved-staging'
  kube.objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenPolicy',
    metadata: { name, namespace: 'payments' },
    spec: { audience: 'https://deploy.example.com', scopes: ['deploy:staging'], approval: {} },
  })
  const steps = [{ name: 'rollout', image: 'curlimages/curl' }]
  const tasks = [
    { name: 'token', taskRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name } },
    { name: 'deploy', runAfter: ['token'], taskSpec: { steps } },
  ]
  const run = tekton.createPipelineRun({ tasks }, { namespace: 'payments', serviceAccount: 'deployer' })
  await until(() => JSON.stringify(kube.objects.list(resources.tokenApprovals)).includes('"Pending"'))
  const [approval] = kube.objects.list(resources.tokenApprovals)
  const decisions = ['alice', 'bob'].map((by) => ({ by, verdict: 'Approved' }))
  const { namespace, name: asked } = approval?.metadata ?? expect.fail()
  kube.objects.patch(resources.tokenApprovals, { namespace: namespace ?? '', name: asked }, { spec: { decisions } })
  await run.task('deploy')
  run.finishTask('deploy')
  await run.done()
}

/** Also where several tests run beside each other, of which `expect.poll` would not know its own. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`not within 30 s: ${isSo}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** How often the API server refused this right, written as in {@link granted}. */
export function timesRefused(kube: FakeKube, right: string): number {
  return kube.requests().filter((one) => one.status === 403 && rightOf(one) === right).length
}
