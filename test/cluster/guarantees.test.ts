import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditData } from '../../core/audit/event.ts'
import { facts, kube } from './harness/cluster.ts'
import type { KubeObject } from './harness/kube.ts'
import { explainOnFailure, outcomeOf, waitForPod, waitForRun, waitForSuccess } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { withoutPolicy } from './product/admission.ts'
import { journalRecords } from './product/audit.ts'
import { authorizeForm, type BrokerApi, connectBroker, exchangeForm, podToken } from './product/broker-api.ts'
import { whilePaused } from './product/crash.ts'
import { editorToken } from './product/editor.ts'
import { installProduct, type Product } from './product/install.ts'
import { system, target } from './product/names.ts'
import { childOf, createTeam, pipelineRun } from './product/payments.ts'

/** A foreign cluster's Services and processes are out of reach. */
const ownRig = facts().pki !== null
let product: Product
let broker: BrokerApi
let began: string

beforeAll(async () => {
  product = await installProduct()
  broker = connectBroker(product.authority)
  began = new Date().toISOString()
})

afterAll(async () => {
  await broker?.close()
  await (await kube()).close()
})

describe.runIf(ownRig)('a token of a run that still works', () => {
  let namespace: string
  let run: KubeObject
  let pod: string
  let accessToken: string

  beforeAll(async () => {
    namespace = await team()
    run = await (await kube()).create(workingRun(namespace))
    const taskRun = await waitFor('the task behind is at work', async () => {
      const child = await childOf(run, 'taskruns', 'work')
      return child.status?.podName && child
    })
    pod = taskRun.status.podName
    await waitForPod(namespace, pod, 'Running')
  })

  test('is not given for a token that was made for another audience', async () => {
    const { issuer } = await (await kube()).get<{ issuer: string }>('/.well-known/openid-configuration')
    for (const audience of ['https://other.example.com', issuer]) {
      const { status, body } = await broker.post('/token', exchangeForm(await podToken(namespace, pod, audience)))
      expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_request' })
      expect(body['error_description']).toMatch(/issuer URL of this broker as its only audience/)
    }
  })

  test('is given to the pod, and known as active to those who may ask', async () => {
    const { status, body } = await broker.post('/token', exchangeForm(await podToken(namespace, pod)))
    expect(status).toBe(200)
    accessToken = String(body['access_token'])
    expect(await introspect()).toMatchObject({
      status: 200,
      body: { active: true, aud: target, scope: 'deploy:staging', pipeline_run: run.metadata.name, task: 'work' },
    })
    const stranger = await broker.post('/introspect', { token: accessToken }, await podToken(namespace, pod))
    expect(stranger.status).toBe(403)
  })

  test('ends with the run: it is inactive, and there is no other', async () => {
    const subjectToken = await podToken(namespace, pod)
    const client = await kube()
    await client.patch(await client.pathOf(run), { spec: { status: 'Cancelled' } })
    await waitForRun(run)
    await waitFor('the token is inactive', async (report) => {
      const { body } = await introspect()
      report(body)
      return body['active'] === false
    })
    expect((await introspect()).body).toEqual({ active: false })
    const { status } = await broker.post('/token', exchangeForm(subjectToken))
    expect(status).toBe(400)
  })

  /** The controller's ServiceAccount is who may ask about this audience. */
  async function introspect() {
    return await broker.post('/introspect', { token: accessToken }, await podToken(system, await controllerPod()))
  }
})

describe.runIf(ownRig)(
  'a CustomRun whose params somebody with the role edit changed, where admission lets them',
  () => {
    test('is refused by the broker and by the controller', async () => {
      const namespace = await team()
      explainOnFailure(namespace)
      const client = await kube()
      const controllerToken = await podToken(system, await controllerPod())
      const run = await whilePaused('/app/controller.mjs', async () => {
        const created = await client.create(pipelineRun(namespace, { isGate: true }))
        const customRun = await waitFor('the custom run is named by its run', async () => {
          const { status } = await client.get(await client.pathOf(created))
          return status?.childReferences && (await childOf(created, 'customruns', 'token'))
        })
        const params = [...customRun.spec.params, { name: 'scope', value: 'deploy:production' }]
        const token = await editorToken(namespace)
        const path = await client.pathOf(customRun)
        await withoutPolicy('custom-runs', () => client.patch(path, { spec: { params } }, { token }))

        const { name, uid } = customRun.metadata
        const answer = await broker.post('/authorize', authorizeForm(`${namespace}/${name}/${uid}`, controllerToken))
        expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
        expect(await recordOf(answer.body['exchange_id'])).toMatchObject({
          outcome: 'denied',
          reason: 'custom_run_changed',
        })
        return created
      })
      await waitForRun(run)
      expect(outcomeOf(await childOf(run, 'customruns', 'token'))).toMatchObject({
        status: 'False',
        reason: 'SpecChanged',
        message: expect.stringContaining('spec.params.scope'),
      })
    })
  },
)

describe('Events', () => {
  test('tell how each CustomRun went, with the words of its condition', async () => {
    const [allowed, denied] = await Promise.all([team(), team({ hasRole: false })])
    const client = await kube()
    await waitForSuccess(await client.create(pipelineRun(allowed, { isGate: true })))
    await waitForRun(await client.create(pipelineRun(denied, { isGate: true })))
    await waitForRun(await client.create(pipelineRun(allowed, { isGate: true, params: [{ name: 'x', value: 'y' }] })))

    expect(await eventsOf(allowed)).toEqual([
      { type: 'Normal', reason: 'Authorized', message: expect.stringMatching(/deploy:staging at https:.*\(exchange /) },
      { type: 'Warning', reason: 'InvalidParams', message: expect.stringContaining('Unknown param x') },
    ])
    expect(await eventsOf(denied)).toEqual([
      { type: 'Warning', reason: 'Denied', message: expect.stringContaining('Role and RoleBinding') },
    ])
  })
})

test.runIf(ownRig)('what nobody proved is counted in the journal, not written line by line', async () => {
  const counted = await waitFor(
    'the two refusals of a foreign audience are counted',
    async (report) => {
      const found = (await journalRecords()).filter(
        ({ data }) => data.reason === 'subject_token_audience' && (data.suppressed_since ?? '') >= began,
      )
      report(found)
      return found.reduce((sum, { data }) => sum + (data.suppressed_count ?? 0), 0) === 2 && found
    },
    { intervalMs: 1000 },
  )
  for (const { type, data } of counted) {
    expect(type).toBe('dev.tokenbroker.suppressed.v1')
    expect(data).not.toHaveProperty('subject')
  }
})

async function team(options: { readonly hasRole?: boolean } = {}): Promise<string> {
  return (await createTeam({ apiUrl: 'http://unused.invalid', ...options })).namespace
}

/** What the journal says about an answer. */
async function recordOf(exchangeId: unknown): Promise<AuditData | undefined> {
  return (await journalRecords()).find(({ data }) => data.exchange_id === exchangeId)?.data
}

function controllerPod(): Promise<string> {
  return product.controllerPod()
}

/** A gate, and behind it a task that works until it is stopped. */
function workingRun(namespace: string): KubeObject {
  const run = pipelineRun(namespace)
  const [token] = run.spec.pipelineSpec.tasks
  const steps = [{ name: 'work', image: facts().images.busybox, script: '#!/bin/sh\nexec sleep 600\n' }]
  const work = { name: 'work', runAfter: ['token'], taskSpec: { steps } }
  return { ...run, spec: { ...run.spec, pipelineSpec: { tasks: [token, work] } } }
}

interface Said {
  readonly type: string
  readonly reason: string
  readonly message: string
}

/** Events about CustomRuns of a namespace, by reason, once there is one for each. */
async function eventsOf(namespace: string): Promise<readonly Said[]> {
  const client = await kube()
  const customRuns = await client.list(`/apis/tekton.dev/v1beta1/namespaces/${namespace}/customruns`)
  const events = await waitFor('every custom run has an event', async () => {
    const fieldSelector = 'involvedObject.kind=CustomRun,reportingComponent=tokenbroker-controller'
    const found = await client.list(`/api/v1/namespaces/${namespace}/events`, { fieldSelector })
    return found.length >= customRuns.length && found
  })
  return events
    .map(({ type, reason, message }): Said => ({ type, reason, message }))
    .toSorted((a, b) => a.reason.localeCompare(b.reason))
}
