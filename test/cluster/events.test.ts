import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AuditRecord } from '../../core/audit/event.ts'
import { apply, createToken, facts, kube } from './harness/cluster.ts'
import { type KubeObject, readObjects } from './harness/kube.ts'
import { explainOnFailure, podLogs, waitForRun, waitForSuccess } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { verifyNamespace } from './product/admission.ts'
import { journalRecords } from './product/audit.ts'
import { type DeployApi, startDeployApi } from './product/deploy-api.ts'
import { installProduct } from './product/install.ts'
import { release, system } from './product/names.ts'
import { applyTriggersDefinitions, push, type Sink, signed, startSink } from './product/triggers.ts'

/** A foreign cluster would have to reach the sink, which runs beside it. */
const ownRig = facts().pki !== null
const example = join(import.meta.dirname, '../../tekton/examples/event')
const namespace = 'payments'
const secret = randomBytes(24).toString('hex')
const label = 'triggers.tekton.dev/triggers-eventid'
let api: DeployApi
let sink: Sink

describe.runIf(ownRig)('events', () => {
  beforeAll(async () => {
    await applyTriggersDefinitions()
    await apply([
      ...[system, 'ci', namespace].map((name) => ({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, ...verified(name) },
      })),
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'github-webhook', namespace: system },
        stringData: { secret: `${secret}\n` },
      },
    ])
    const { authority } = await installProduct({ values: await exampleValues() })
    api = await startDeployApi(authority)
    await applyExample()
    await waitFor('the ClusterInterceptor says whom to trust', async () => {
      const { metadata, spec } = await (await kube()).get(
        `/apis/triggers.tekton.dev/v1alpha1/clusterinterceptors/${release}-events`,
      )
      return metadata.labels?.['server/type'] === 'https' && spec.clientConfig.caBundle
    })
    sink = await startSink({ namespace: 'ci', name: 'github' }, 'event-listener')
    await Promise.all(['ci', namespace].map(verifyNamespace))
  })

  afterAll(async () => {
    // Told to stop it would wait for a minute.
    await sink?.process.kill()
    await api?.close()
    // Other files use this namespace too.
    const labels = { 'tokenbroker.dev/verified': null }
    await (await kube()).patch(`/api/v1/namespaces/${namespace}`, { metadata: { labels } })
    await (await kube()).close()
  })

  describe('a signed push to main', () => {
    const body = push()
    let eventId: string
    let run: KubeObject

    test('starts a run, and its step gets a token that the API takes', async () => {
      explainOnFailure(namespace)
      eventId = await sink.send(body, signed(body, secret))
      run = await waitForSuccess(await runOf(eventId))

      expect(api.accepted.some((claims) => claims['pipeline_run'] === run.metadata.name)).toBe(true)
    })

    test('stands in the record of that token, with who sent it and what policy looked at', async () => {
      const event = {
        id: eventId,
        sender: 'acme',
        kind: 'github',
        event_listener: 'ci/github',
        trigger: 'ci/push',
        login: 'octocat',
        fields: expect.objectContaining({ kind: 'push', ref: 'refs/heads/main', isSigned: true, sender: 'octocat' }),
      }
      expect(await recordsOf('registered')).toMatchObject([{ subject: 'ci/push', data: { event } }])
      const granted = await exchangesOf(run)
      expect(granted.map(({ data }) => data.outcome)).toEqual(['granted'])
      expect(granted[0]?.data.run).toMatchObject({
        assurance: 'verified',
        event,
        initiator: 'alice@example.com',
        initiator_from: 'event',
      })
    })

    test('starts nothing when it comes again, and is no event of other runs that carry its id, or an invented one', async () => {
      explainOnFailure(namespace)
      const before = await counted('event_replayed')
      const again = await sink.send(body, { ...signed(body, secret), 'x-github-delivery': 'another' })
      await waitFor('the replay is refused', async () => (await counted('event_replayed')) > before)
      const login = await createToken('ci', 'event-listener')
      const ids = [eventId, '11111111-1111-4111-8111-111111111111']
      const byHand = await Promise.all(ids.map((id) => forged(run, id, login)))
      await expect(forged(run, eventId)).rejects.toThrow(/only EventListeners write the labels/)

      for (const one of await Promise.all(byHand.map((created) => waitForRun(created)))) {
        const [denied] = await exchangesOf(one)
        expect(denied?.data).toMatchObject({ outcome: 'denied', reason: 'run_event_not_allowed' })
        expect(denied?.data.run).toMatchObject({ assurance: 'claimed', trigger: { trigger: 'push' } })
        expect(denied?.data.run).not.toHaveProperty('event')
      }
      expect(await runsOf(again)).toEqual([])
      expect(await recordsOf('refused')).toMatchObject([{ data: { reason: 'event_replayed', event: { id: again } } }])
    })
  })

  test('a signed push to another branch starts a run, which the expression refuses by its name and message', async () => {
    explainOnFailure(namespace)
    const body = push({ ref: 'refs/heads/main2' })
    const run = await waitForRun(await runOf(await sink.send(body, signed(body, secret))))

    const [denied] = await exchangesOf(run)
    expect(denied?.data).toMatchObject({
      outcome: 'denied',
      policy: { rule: 'validations' },
      run: { event: { fields: { ref: 'refs/heads/main2' } } },
    })
    const gate = await podLogs(namespace, denied?.data.subject?.pod ?? '', 'tokenbroker-gate')
    expect(gate).toContain('main-only refuses this: only a push to main may deploy')
  })

  test.each([
    ['event_unsigned', (_body: string) => ({ 'x-github-event': 'push' })],
    ['event_signature', (body: string) => signed(body, 'a secret of somebody else')],
    ['event_signature', (body: string) => signed(`${body} `, secret)],
  ])('an event that proves nothing starts nothing: %s', async (reason, headers) => {
    const body = push({ other: Math.random() })
    const before = await counted(reason)
    const eventId = await sink.send(body, headers(body))
    await waitFor('the broker has refused it', async () => (await counted(reason)) > before)

    expect(await runsOf(eventId)).toEqual([])
  })
})

/** As the example's README says. */
function verified(name: string): object {
  return name === namespace ? { labels: { 'tokenbroker.dev/verified': 'true' } } : {}
}

/** The values that the example's README tells to use. */
async function exampleValues(): Promise<object> {
  const readme = await readFile(join(example, 'README.md'), 'utf8')
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(readme) ?? []
  const [values] = readObjects(yaml)
  if (values === undefined) throw new Error('the README shows no values')
  return values
}

/** The example as it is shipped, with an image and an address that are here. */
async function applyExample(): Promise<void> {
  for (const file of ['event-listener-access', 'event-listener', 'access']) {
    const text = await readFile(join(example, `${file}.yaml`), 'utf8')
    const objects = readObjects(text.replaceAll(/curlimages\/curl:[\w.]+/g, facts().images.curl))
    await apply(objects.map((object) => (object.kind === 'TriggerTemplate' ? withPodTemplate(object) : object)))
  }
}

function withPodTemplate(template: KubeObject): KubeObject {
  const [run] = template.spec.resourcetemplates
  const taskRunTemplate = { ...run.spec.taskRunTemplate, podTemplate: api.podTemplate }
  const resourcetemplates = [{ ...run, spec: { ...run.spec, taskRunTemplate } }]
  return { ...template, spec: { ...template.spec, resourcetemplates } }
}

async function runsOf(eventId: string): Promise<readonly KubeObject[]> {
  const labelSelector = `${label}=${eventId}`
  return await (await kube()).list(`/apis/tekton.dev/v1/namespaces/${namespace}/pipelineruns`, { labelSelector })
}

async function runOf(eventId: string): Promise<KubeObject> {
  return await waitFor(`event ${eventId} starts a run`, async (report) => {
    report(sink.process.output().split('\n').slice(-5).join('\n'))
    const [run] = await runsOf(eventId)
    return run && { ...run, apiVersion: 'tekton.dev/v1', kind: 'PipelineRun' }
  })
}

/** A run as somebody makes it who knows all that labels say; without a login as administrator. */
async function forged(run: KubeObject, eventId: string, token?: string): Promise<KubeObject> {
  const labels = { ...run.metadata.labels, [label]: eventId }
  const metadata = { generateName: 'by-hand-', namespace, labels }
  const object = { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', metadata, spec: run.spec }
  return await (await kube()).create(object, token === undefined ? {} : { token })
}

async function recordsOf(what: 'registered' | 'refused'): Promise<readonly AuditRecord[]> {
  return (await journalRecords()).filter(({ type }) => type === `dev.tokenbroker.event.${what}.v1`)
}

async function exchangesOf(run: KubeObject): Promise<readonly AuditRecord[]> {
  const all = await journalRecords()
  return all.filter(({ type, data }) => type.includes('.exchange.') && data.run?.pipeline_run_uid === run.metadata.uid)
}

/** How many events the broker counted for a reason. */
async function counted(reason: string): Promise<number> {
  const response = await fetch(`http://${release}-metrics.${system}.svc:9090/metrics`)
  const line = new RegExp(`^tokenbroker_events_total{sender="",reason="${reason}"} (\\d+)$`, 'm')
  return Number(line.exec(await response.text())?.[1] ?? 0)
}
