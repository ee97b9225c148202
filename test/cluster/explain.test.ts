import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { apply, facts, kube } from './harness/cluster.ts'
import { Kube, type KubeObject } from './harness/kube.ts'
import { loginAs } from './harness/login.ts'
import { explainOnFailure, outcomeOf, waitForPod, waitForRun } from './harness/pods.ts'
import { startNode } from './harness/process.ts'
import { waitFor } from './harness/wait.ts'
import { journalRecords } from './product/audit.ts'
import { type BrokerApi, connectBroker, exchangeForm, podToken } from './product/broker-api.ts'
import { installProduct, type Product } from './product/install.ts'
import { system, target } from './product/names.ts'
import { createTeam } from './product/payments.ts'
import { exchangeTask, pipelineRunOf, shellStep, tokenTaskRun } from './product/token-task.ts'

/** A foreign cluster's Services are out of reach. */
const ownRig = facts().pki !== null
const main = join(import.meta.dirname, '../../custom-task/cli/main.ts')
let product: Product
let broker: BrokerApi
let namespace: string
let pod: string
let alice: string

beforeAll(async () => {
  product = await installProduct()
  broker = connectBroker(product.authority)
  namespace = (await createTeam({ apiUrl: 'http://unused.invalid' })).namespace
  await apply([...personWith('alice', aliceRules), ...personWith('bob', [], 'edit')])
  alice = (await loginAs(namespace, 'alice')).kubeconfig
  pod = await startPod()
})

afterAll(async () => {
  await broker?.close()
  await (await kube()).close()
})

const aliceRules = [
  { apiGroups: ['tokenbroker.dev'], resources: ['tokenpolicies'], verbs: ['revoke', 'get', 'patch'] },
  { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['get', 'patch'] },
]

async function startPod(): Promise<string> {
  const client = await kube()
  const steps = [shellStep('work', 'exec sleep 600')]
  const run = await client.create(tokenTaskRun({ namespace, annotations: { inject: 'deploy-staging' }, steps }))
  const found = await waitFor('the TaskRun has a pod', async () => {
    const labelSelector = `tekton.dev/taskRun=${run.metadata.name}`
    return (await client.list(`/api/v1/namespaces/${namespace}/pods`, { labelSelector }))[0]?.metadata.name
  })
  await waitForPod(namespace, found, 'Running')
  return found
}

async function ask(path = '/token') {
  return await broker.post(path, exchangeForm(await podToken(namespace, pod)))
}

async function granted(): Promise<string> {
  const { status, body } = await ask()
  expect({ status, body }).toMatchObject({ status: 200 })
  return String(body['access_token'])
}

async function untilInactive(token: string): Promise<number> {
  const since = Date.now()
  const caller = await podToken(system, await product.controllerPod())
  await waitFor('the token is inactive', async () => {
    return (await broker.post('/introspect', { token }, caller)).body['active'] === false
  })
  return Date.now() - since
}

let count = 0
async function tokenbroker(args: readonly string[], kubeconfig = alice) {
  const command = startNode(`cli-${++count}`, main, [...args, '--kubeconfig', kubeconfig])
  return { code: await command.exited, output: command.output() }
}

describe.runIf(ownRig)('kill switch', () => {
  test.for([
    ['serviceaccount', 'deployer'],
    ['policy', 'deploy-staging'],
  ] as const)(
    'revoke --%s withdraws from a running pod within 5 s, under the name of the person',
    async ([what, name]) => {
      const token = await granted()

      const { code, output } = await tokenbroker(['revoke', `--${what}`, `${namespace}/${name}`])

      expect({ code, output }).toMatchObject({ code: 0 })
      expect(await untilInactive(token)).toBeLessThan(5000)
      const act = await waitFor('the act is recorded', async () =>
        (await journalRecords()).find(
          ({ type, subject }) => type === 'dev.tokenbroker.access.suspended.v1' && subject === `${namespace}/${name}`,
        ),
      )
      expect(act.data).toMatchObject({ reason: 'revoked_by_person', by: `system:serviceaccount:${namespace}:alice` })
      await granted()
    },
  )

  test('revoke --suspend stops an account until the mark is taken away, as kubectl does it', async () => {
    expect(await tokenbroker(['revoke', '--serviceaccount', `${namespace}/deployer`, '--suspend'])).toMatchObject({
      code: 0,
    })
    await waitFor('the account is refused', async () => (await ask()).status === 400)

    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/deployer`
    const bob = { as: { username: `system:serviceaccount:${namespace}:bob` } }
    // Made anew it would be there without its suspension, and with all its rights.
    await expect((await kube()).delete(path, bob)).rejects.toThrow(/a suspended ServiceAccount stays/)
    await (await kube()).patch(path, { metadata: { annotations: { 'tokenbroker.dev/suspended-by': null } } })
    await waitFor('the account gets tokens again', async () => (await ask()).status === 200)
  })

  test('kubectl patch of suspend alone is recorded under the name of the person, and so is going on', async () => {
    const name = 'deploy-staging'
    const person = await Kube.connect(alice)
    for (const [suspend, reason] of [
      [true, 'suspended'],
      [false, 'resumed'],
    ] as const) {
      await person.patch(`/apis/tokenbroker.dev/v1alpha1/namespaces/${namespace}/tokenpolicies/${name}`, {
        spec: { suspend },
      })
      const act = await waitFor(`${reason} is recorded`, async () =>
        (await journalRecords()).find(
          ({ subject, data }) => subject === `${namespace}/${name}` && data.reason === reason,
        ),
      )
      expect(act.data).toMatchObject({ by: `system:serviceaccount:${namespace}:alice` })
    }
    await person.close()
    await waitFor('the policy grants again', async () => (await ask()).status === 200)
  })

  test('is refused without the verb, and under the name of somebody else', async () => {
    const bob = (await loginAs(namespace, 'bob')).kubeconfig
    const refused = await tokenbroker(['revoke', '--serviceaccount', `${namespace}/deployer`], bob)
    expect(refused).toMatchObject({ code: 3, output: expect.stringMatching(/may not revoke/) })

    const client = await kube()
    const at = (value: object, path: string) =>
      client.patch(path, { metadata: { annotations: value } }).then(
        () => 'admitted',
        (error: Error) => error.message,
      )
    const marks = { 'tokenbroker.dev/revoked-by': 'somebody', 'tokenbroker.dev/revoked-at': '2026-01-01T00:00:00Z' }
    const policy = `/apis/tokenbroker.dev/v1alpha1/namespaces/${namespace}/tokenpolicies/deploy-staging`
    expect(await at(marks, policy)).toMatch(/takes your own user name/)
    expect(await at({ 'tokenbroker.dev/suspended-by': 'somebody' }, policy)).toMatch(/own user name/)
    const provider = '/apis/tokenbroker.dev/v1alpha1/clustertokenproviders/builtin'
    expect(await at(marks, provider)).toMatch(/takes your own user name/)
  })

  test('records changes of a policy by generation', async () => {
    const path = `/apis/tokenbroker.dev/v1alpha1/namespaces/${namespace}/tokenpolicies/deploy-staging`
    const { metadata } = await (await kube()).patch(path, { spec: { ttl: '4m' } })
    const change = await waitFor('the change is recorded', async () =>
      (await journalRecords()).find(
        ({ type, subject, data }) =>
          type === 'dev.tokenbroker.policy.changed.v1' &&
          subject === `${namespace}/deploy-staging` &&
          data.policy?.generation === metadata['generation'],
      ),
    )
    expect(change.data.policy?.digest).toMatch(/^[0-9a-f]{64}$/)
  })
})

describe.runIf(ownRig)('explanations', () => {
  test('tell a pod what it would get, and grant nothing', async () => {
    const { status, body } = await ask('/explain')

    expect({ status, body }).toMatchObject({ status: 200, body: { decision: 'allow', policy: 'deploy-staging' } })
  })

  test('are the result of a TokenExchange that runs dry', async (context) => {
    explainOnFailure(namespace, context)
    const step = shellStep('look', `test "$(params.decision)" = allow; test -z "\${TOKENBROKER_DIR:-}"`)
    const look = {
      name: 'look',
      params: [{ name: 'decision', value: '$(tasks.token.results.decision)' }],
      taskSpec: { params: [{ name: 'decision' }], steps: [step] },
    }
    const run = await (await kube()).create(pipelineRunOf(namespace, [exchangeTask({ 'dry-run': 'true' }), look]))

    expect(outcomeOf(await waitForRun(run))).toMatchObject({ status: 'True' })
  })

  test('init applies what who-can and the API server then say, and the broker grants', async () => {
    await apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'releaser', namespace } }])
    const what = ['--audience', target, '--scope', 'deploy:production']
    const admin = facts().kubeconfig
    const made = await tokenbroker(
      ['init', '-n', namespace, '--serviceaccount', 'releaser', ...what, '--image', facts().images.busybox, '--apply'],
      admin,
    )
    expect(made).toMatchObject({ code: 0, output: expect.stringContaining('kind: PipelineRun') })

    const listed = await tokenbroker(['who-can', ...what, '-n', namespace, '-o', 'json'], admin)
    expect(JSON.parse(listed.output).holders).toEqual([
      expect.objectContaining({ kind: 'ServiceAccount', name: `${namespace}/releaser`, policy: 'deploy-production' }),
    ])
    const asked = ['explain', '-n', namespace, '--policy', 'deploy-production', '--serviceaccount']
    await waitFor('the policy is seen', async () => (await tokenbroker([...asked, 'releaser'], admin)).code === 0)
    expect(await tokenbroker([...asked, 'deployer'], admin)).toMatchObject({
      code: 3,
      output: expect.stringMatching(/DENY +rbac[\s\S]*kind: "Role"/),
    })
    const [tokenTaskSteps] = parse(made.output.slice(made.output.indexOf('apiVersion: tekton.dev'))).spec.pipelineSpec
      .tasks
    // There is nobody at the address: the step looks at its token instead.
    tokenTaskSteps.taskSpec.steps[0].script = '#!/bin/sh\ngrep -q Bearer "$TOKENBROKER_HEADER_FILE"\n'
    const spec = { pipelineSpec: { tasks: [tokenTaskSteps] }, taskRunTemplate: { serviceAccountName: 'releaser' } }
    const run = await (await kube()).create(pipelineRunOf(namespace, [], spec))
    expect(outcomeOf(await waitForRun(run))).toMatchObject({ status: 'True' })
  })
})

/** A Role with these rules, or a ClusterRole that is there, bound to an account of the namespace. */
function personWith(name: string, rules: readonly object[], clusterRole?: string): readonly KubeObject[] {
  const apiGroup = 'rbac.authorization.k8s.io'
  const metadata = { name: `${name}-rights`, namespace }
  const roleRef = { apiGroup, kind: clusterRole ? 'ClusterRole' : 'Role', name: clusterRole ?? metadata.name }
  const subjects = [{ kind: 'ServiceAccount', name, namespace }]
  return [
    { apiVersion: `${apiGroup}/v1`, kind: 'Role', metadata, rules },
    { apiVersion: `${apiGroup}/v1`, kind: 'RoleBinding', metadata, roleRef, subjects },
  ] as unknown as readonly KubeObject[]
}
