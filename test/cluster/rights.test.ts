import { describe, expect, type TestContext, test } from 'vitest'
import { type KubeObject, type Resource, resources } from '../../core/io/kube/api.ts'
import { accountOf, install } from '../charts/installed.ts'
import {
  admit,
  askPeople,
  deliverSecret,
  exchange,
  recordTwice,
  refusedPod,
  rightsOf,
  timesRefused,
} from '../charts/rights.ts'
import { type Role, type Rule, readRole } from '../charts/role-files.ts'
import type { FakeKube } from '../fakes/kube/server.ts'

/** What the product does, in this order, on the embedded API server, which refuses what no role gives. */
type Milestone =
  | 'the broker is ready, and follows policies'
  | 'the controller is ready, and follows runs'
  | 'the webhook is ready'
  | 'policies say whether they are usable'
  | 'runs can be verified'
  | 'a run is authorised'
  | 'Events say so'
  | 'a pod gets a token'
  | 'a pod is injected'
  | 'Events count what happens again'
  | 'a refused pod is told on its runs'
  | 'Secrets are delivered, renewed and deleted'
  | 'people are asked, and their answer counts'

const broker = 'the broker is ready, and follows policies'
const controller = 'the controller is ready, and follows runs'
const people = 'people are asked, and their answer counts'

/** Every right of the chart, as `<file> <verb> <resource>.<group>`, and what stops when it alone is taken away. */
const stops: Readonly<Record<string, Milestone>> = {
  'broker.yaml create tokenreviews.authentication.k8s.io': 'a run is authorised',
  'broker.yaml create subjectaccessreviews.authorization.k8s.io': 'a run is authorised',
  'broker.yaml get pods.': 'a run is authorised',
  'broker.yaml get taskruns.tekton.dev': 'a pod gets a token',
  'broker.yaml get pipelineruns.tekton.dev': 'a run is authorised',
  'broker.yaml get customruns.tekton.dev': 'a run is authorised',
  'broker.yaml get replicasets.apps': 'a run is authorised',
  'broker.yaml get deployments.apps': 'a run is authorised',
  'broker.yaml get /openid/v1/jwks': 'a run is authorised',
  'broker.yaml list serviceaccounts.': broker,
  'broker.yaml watch serviceaccounts.': broker,
  'broker.yaml list tokenpolicies.tokenbroker.dev': broker,
  'broker.yaml watch tokenpolicies.tokenbroker.dev': broker,
  'broker.yaml list clustertokenpolicies.tokenbroker.dev': broker,
  'broker.yaml watch clustertokenpolicies.tokenbroker.dev': broker,
  'broker.yaml list namespaces.': broker,
  'broker.yaml watch namespaces.': broker,
  'broker.yaml list clustertokenproviders.tokenbroker.dev': broker,
  'broker.yaml watch clustertokenproviders.tokenbroker.dev': broker,
  'broker.yaml patch tokenpolicies/status.tokenbroker.dev': 'policies say whether they are usable',
  'broker.yaml patch clustertokenpolicies/status.tokenbroker.dev': 'policies say whether they are usable',
  'broker.yaml patch clustertokenproviders/status.tokenbroker.dev': 'policies say whether they are usable',
  'broker.yaml list tokenapprovals.tokenbroker.dev': broker,
  'broker.yaml watch tokenapprovals.tokenbroker.dev': broker,
  'broker.yaml create tokenapprovals.tokenbroker.dev': people,
  'broker.yaml patch tokenapprovals/status.tokenbroker.dev': people,
  'broker.yaml get validatingadmissionpolicies.admissionregistration.k8s.io': people,
  'broker.yaml get validatingadmissionpolicybindings.admissionregistration.k8s.io': people,
  'broker.yaml list validatingadmissionpolicies.admissionregistration.k8s.io': 'runs can be verified',
  'broker.yaml watch validatingadmissionpolicies.admissionregistration.k8s.io': 'runs can be verified',
  'broker.yaml list validatingadmissionpolicybindings.admissionregistration.k8s.io': 'runs can be verified',
  'broker.yaml watch validatingadmissionpolicybindings.admissionregistration.k8s.io': 'runs can be verified',
  'broker.yaml create customruns.tekton.dev': 'runs can be verified',
  'controller.yaml list customruns.tekton.dev': controller,
  'controller.yaml watch customruns.tekton.dev': controller,
  'controller.yaml list pipelineruns.tekton.dev': controller,
  'controller.yaml watch pipelineruns.tekton.dev': controller,
  'controller.yaml list taskruns.tekton.dev': controller,
  'controller.yaml watch taskruns.tekton.dev': controller,
  'controller.yaml list tokenapprovals.tokenbroker.dev': people,
  'controller.yaml watch tokenapprovals.tokenbroker.dev': people,
  'controller.yaml get leases.coordination.k8s.io': controller,
  'controller.yaml patch leases.coordination.k8s.io': controller,
  'controller.yaml patch customruns.tekton.dev': 'Secrets are delivered, renewed and deleted',
  'controller.yaml patch customruns/status.tekton.dev': 'a run is authorised',
  'controller.yaml create events.': 'Events say so',
  'controller.yaml patch events.': 'Events count what happens again',
  'controller.yaml list pods.': controller,
  'controller.yaml watch pods.': controller,
  'controller.yaml get taskruns.tekton.dev': 'a refused pod is told on its runs',
  'controller.yaml get pipelineruns.tekton.dev': 'a refused pod is told on its runs',
  'certificates.yaml get secrets.': controller,
  'certificates.yaml patch secrets.': controller,
  'certificates.yaml get configmaps.': controller,
  'certificates.yaml patch configmaps.': controller,
  'certificates.yaml get mutatingwebhookconfigurations.admissionregistration.k8s.io': controller,
  'certificates.yaml patch mutatingwebhookconfigurations.admissionregistration.k8s.io': controller,
  'interceptor.yaml get clusterinterceptors.triggers.tekton.dev': controller,
  'interceptor.yaml patch clusterinterceptors.triggers.tekton.dev': controller,
  'secrets.yaml create secrets.': 'Secrets are delivered, renewed and deleted',
  'secrets.yaml patch secrets.': 'Secrets are delivered, renewed and deleted',
  'secrets.yaml delete secrets.': 'Secrets are delivered, renewed and deleted',
  'webhook.yaml get taskruns.tekton.dev': 'a pod is injected',
  'webhook.yaml get pipelineruns.tekton.dev': 'a pod is injected',
  'webhook.yaml get customruns.tekton.dev': 'a pod is injected',
  'webhook.yaml get tokenpolicies.tokenbroker.dev': 'a pod is injected',
  'webhook.yaml get clustertokenpolicies.tokenbroker.dev': 'a pod is injected',
  'webhook.yaml get clustertokenproviders.tokenbroker.dev': 'a pod is injected',
}

const granted = Object.keys(accountOf).flatMap((file) =>
  readRole(file).flatMap(({ rules }) => rules.flatMap((rule) => rightsOf(rule).map((right) => `${file} ${right}`))),
)

describe('every right of the chart', () => {
  test('is in the table', () => {
    expect(Object.keys(stops).toSorted()).toEqual([...new Set(granted)].toSorted())
  })

  // Mostly they wait for what is tried again after a refusal.
  test.concurrent.for(Object.entries(stops))('%s is needed: %s', async ([right, milestone]) => {
    expect(await firstStop(right)).toBe(milestone)
  })
})

/** Thrown where the story stops. */
class Stopped extends Error {
  readonly at: Milestone
  constructor(at: Milestone) {
    super(at)
    this.at = at
  }
}

/** A context of its own for each installation, which ends with the story and not with the test. */
async function firstStop(right: string): Promise<Milestone | 'nothing'> {
  const cleanUps: (() => unknown)[] = []
  const context = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) } as unknown as TestContext
  try {
    await story(right, context)
    return 'nothing'
  } catch (error) {
    if (error instanceof Stopped) return error.at
    throw error
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  }
}

/** Refusals after which what is retried is taken for one that will not succeed. */
const patience = 3
/**
 * The same for what the table does not expect to stop: some rights are used in the background, once a second, and on a busy
 * machine a part of the story takes minutes. What really stops there is said by the time limit of the test.
 */
const longPatience = 300
const processes = {
  broker: {
    at: broker,
    watches: [
      'tokenpolicies',
      'clustertokenpolicies',
      'clustertokenproviders',
      'namespaces',
      'serviceaccounts',
      'tokenapprovals',
    ],
  },
  controller: { at: controller, watches: ['customruns', 'pipelineruns', 'taskruns', 'pods'] },
  webhook: { at: 'the webhook is ready', watches: [] },
} as const

async function story(right: string, context: TestContext): Promise<void> {
  const [file = '', ...rest] = right.split(' ')
  const account = accountOf[file as keyof typeof accountOf]
  const asRefused = `${account} ${rest.join(' ')}`

  /** Waits for a part of the story; the API server's refusals of the missing right end it. */
  async function reach(kube: FakeKube, at: Milestone, isSo: () => boolean | Promise<boolean>, refusals = patience) {
    const enough = at === stops[right] ? refusals : Math.max(refusals, longPatience)
    for (;;) {
      const isRefused = timesRefused(kube, asRefused) >= enough
      if (await isSo()) return
      if (isRefused) throw new Stopped(at)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  const installed = await install(context, {
    prepare: takeDefaultAway,
    rolesOf: (one) => rolesWithout(one, { file, right: rest.join(' ') }),
    waitFor: (kube, name, url) => {
      const { at, watches } = processes[name as keyof typeof processes]
      const isFollowing = () => watches.every((resource) => kube.openWatches({ resource }) > 0)
      // What another account is refused keeps nobody from being ready.
      const refusals = account.endsWith(name) ? patience : Number.POSITIVE_INFINITY
      return reach(kube, at, async () => isFollowing() && (await answers(url)), refusals)
    },
  })
  const { kube, tekton } = installed
  const says = (object: KubeObject | undefined, word: string) =>
    JSON.stringify(object?.status ?? {}).includes(`"${word}"`)
  const isJudged = (one: Resource) => kube.objects.list(one).every((object) => says(object, 'Ready'))
  await reach(kube, 'policies say whether they are usable', () =>
    [resources.tokenPolicies, resources.clusterTokenPolicies, resources.clusterTokenProviders].every(isJudged),
  )
  const guarded = ['validatingadmissionpolicies', 'validatingadmissionpolicybindings', 'namespaces']
  // The controller asks once a second in the name of its pod, so that readiness may speak of TokenReviews already.
  const areInForce = async () => {
    const lines = (await (await fetch(`${installed.urls.metrics}/readyz`)).text()).trimEnd().split('\n')
    return lines.every((line) => line === 'ok' || line.includes('the broker TokenReview'))
  }
  const isGuarding = () => guarded.every((resource) => kube.openWatches({ resource }) > 0)
  await reach(kube, 'runs can be verified', async () => isGuarding() && (await areInForce()), 1)

  // Where only the controller may not follow questions, it hears of an answer at its next poll: slower is what stops.
  if (right.startsWith('controller.yaml') && stops[right] === people) await reach(kube, people, () => false, 1)
  const run = tekton.createPipelineRun({ tasks }, { namespace: 'payments', serviceAccount: 'deployer' })
  const customRuns = () => kube.objects.list(resources.customRuns, 'payments')
  await reach(kube, 'a run is authorised', () => says(customRuns()[0], 'Authorized'))
  await reach(kube, 'Events say so', () => kube.objects.list(resources.events, 'payments').length > 0, 1)
  const task = await run.task('deploy')
  await reach(kube, 'a pod gets a token', async () => (await exchange(installed, task)) === 200, 1)
  const isInjected = async () => {
    const admitted = (await admit(installed, task)) as { readonly patchType?: string } | undefined
    return admitted?.patchType === 'JSONPatch'
  }
  await reach(kube, 'a pod is injected', isInjected, 1)
  await recordTwice(installed, customRuns()[0] ?? expect.fail(), context)
  const isCounted = (event: KubeObject & { readonly count?: number }) => (event.count ?? 0) > 1
  await reach(kube, 'Events count what happens again', () => kube.objects.list(resources.events).some(isCounted), 1)

  kube.objects.delete(resources.pods, { namespace: 'payments', name: task.pod.metadata.name })
  kube.objects.create(refusedPod(task))
  const isAboutTaskRun = (event: KubeObject & { readonly involvedObject?: { readonly kind?: string } }) =>
    event.involvedObject?.kind === 'TaskRun'
  const isTold = () => kube.objects.list(resources.events, 'payments').some(isAboutTaskRun)
  await reach(kube, 'a refused pod is told on its runs', isTold, 1)

  run.finishTask('deploy')
  await run.done()
  if (stops[right] === people) {
    let isDone = false
    const answered = askPeople(installed).then(
      () => {
        isDone = true
      },
      // Where the story stops people are never asked; what was refused says where.
      () => undefined,
    )
    await reach(kube, people, () => isDone, 1)
    await answered
  }
  if (isForSecrets(right)) {
    let isDone = false
    const delivered = deliverSecret(installed).then(() => {
      isDone = true
    })
    await Promise.race([delivered, reach(kube, 'Secrets are delivered, renewed and deleted', () => isDone, 1)])
  }
}

const tasks = [
  {
    name: 'token',
    taskRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' },
  },
  { name: 'deploy', runAfter: ['token'], taskSpec: { steps: [{ name: 'rollout', image: 'curlimages/curl' }] } },
]

async function answers(url: string): Promise<boolean> {
  return await fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}

/** By default Kubernetes lets every ServiceAccount read the keys, which an administrator may have taken away. */
function takeDefaultAway({ objects }: FakeKube): void {
  objects.delete(clusterRoleBindings, { name: 'system:service-account-issuer-discovery' })
}

const clusterRoleBindings: Resource = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'clusterrolebindings',
  isNamespaced: false,
}

/** Used for nothing but Secrets. */
function isForSecrets(right: string): boolean {
  return right.startsWith('secrets.yaml ') || right === 'controller.yaml patch customruns.tekton.dev'
}

/** The roles of a file without one right; those for Secrets are there only where the right is for them. */
function rolesWithout(
  one: string,
  { file, right }: { readonly file: string; readonly right: string },
): readonly Role[] {
  if (one !== file) return one === 'secrets.yaml' && !isForSecrets(`${file} ${right}`) ? [] : readRole(one)
  const [verb = '', thing = ''] = right.split(' ')
  return readRole(file).map((role) => {
    const rules = role.rules.flatMap((rule) => split(rule, verb, thing))
    return { ...role, rules: rules.filter(({ verbs }) => verbs.length > 0) }
  })
}

/** One rule for each resource, as the verb goes from one only. */
function split(rule: Rule, verb: string, thing: string): readonly Rule[] {
  const verbs = rule.verbs.filter((one) => one !== verb)
  if (rule.nonResourceURLs !== undefined) return [rule.nonResourceURLs.includes(thing) ? { ...rule, verbs } : rule]
  return (rule.apiGroups ?? []).flatMap((group) =>
    (rule.resources ?? []).map((resource) => {
      const isIt = `${resource}.${group}` === thing
      return { ...rule, apiGroups: [group], resources: [resource], verbs: isIt ? verbs : rule.verbs }
    }),
  )
}
