import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, type TestContext } from 'vitest'
import { resources } from '../../../core/io/kube/api.ts'
import { childEnvironment } from '../../child-environment.ts'
import { customRunObject, namespace, pipelineRunObject } from '../../core/tekton/objects.ts'
import { selfSignedCertificate } from '../../fakes/certificate.ts'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'
import { type Answer, review, send } from './admission-server.ts'
import { tektonPodObject } from './tekton-pod.ts'

interface Line {
  readonly msg: string
  readonly level: string
  readonly [field: string]: unknown
}

async function createWorld({ onTestFinished }: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'webhook-'))
  const [kube, certificate] = await Promise.all([startKube(), selfSignedCertificate()])
  const file = (name: string, text: string) => writeFile(join(directory, name), text)
  await Promise.all([file('kubeconfig', kube.kubeconfig('admin')), file('ca.crt', `# comment\n${certificate.ca}`)])
  const config = {
    broker: { url: 'https://tokenbroker.tokenbroker.svc', caFile: join(directory, 'ca.crt') },
    sidecar: { image: 'tokenbroker-task:1' },
    listener: {
      address: '127.0.0.1',
      port: 0,
      tls: { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') },
    },
    health: { address: '127.0.0.1', port: 0 },
    drainSeconds: 0,
  }
  onTestFinished(async () => {
    await kube.close()
    await rm(directory, { recursive: true })
  })
  const writeCertificate = () => Promise.all([file('tls.crt', certificate.cert), file('tls.key', certificate.key)])
  return { kube, directory, config, ca: certificate.ca, file, writeCertificate }
}

type World = Awaited<ReturnType<typeof createWorld>>

/** The webhook as its own process, as it runs in a pod. */
async function spawnWebhook({ directory, file }: World, config: object, { onTestFinished }: TestContext) {
  await file('webhook.yaml', JSON.stringify(config))
  const child = spawn(process.execPath, ['custom-task/webhook/main.ts', '--config', join(directory, 'webhook.yaml')], {
    env: { ...childEnvironment(), KUBECONFIG: join(directory, 'kubeconfig') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const lines: Line[] = []
  const waiting = new Map<string, (line: Line) => void>()
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line
    lines.push(line)
    waiting.get(line.msg)?.(line)
  })
  let stderr = ''
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const said = (msg: string) => {
    const found = lines.find((line) => line.msg === msg)
    return found ? Promise.resolve(found) : new Promise<Line>((resolve) => waiting.set(msg, resolve))
  }
  const loseReader = () => once(child.stdout.destroy(), 'close')
  return { exited, said, lines, stderr: () => stderr, kill: (signal: NodeJS.Signals) => child.kill(signal), loseReader }
}

/** Where the webhook listens, and who vouches for it. */
interface Target {
  readonly port: number
  readonly ca: string
}

async function targetOf(webhook: Awaited<ReturnType<typeof spawnWebhook>>, { ca }: World): Promise<Target> {
  const { url } = await webhook.said('webhook started')
  return { port: Number(new URL(String(url)).port), ca }
}

/**
 * What the webhook decides about a pod. Where it had no time it says 503, and whoever makes the pod asks again: what a
 * decision is must not hang on how busy the machine is.
 */
async function decided(pod: object, target: Target): Promise<Answer> {
  const answer = await send(review({ object: pod }), target)
  return answer.status === 503 ? await decided(pod, target) : answer
}

/** A run with a TokenExchange that is authorised, up to the TaskRun behind it. @returns the UID of the TaskRun */
function makeRun(kube: FakeKube): string {
  const bare = { resourceVersion: undefined }
  const run = kube.objects.create(pipelineRunObject({ metadata: bare }))
  const { name, uid } = run.metadata
  const ownerReferences = [{ apiVersion: run.apiVersion, kind: run.kind, name, uid, controller: true }]
  const conditions = [{ type: 'Succeeded', status: 'True', reason: 'Authorized' }]
  kube.objects.create(customRunObject({ metadata: { ...bare, ownerReferences }, status: { conditions } }))
  const labels = { 'tekton.dev/pipelineTask': 'deploy' }
  const taskRun = kube.objects.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 'release-deploy', namespace, labels, ownerReferences },
    spec: { taskRef: { name: 'rollout' }, serviceAccountName: 'deployer' },
  })
  return taskRun.metadata.uid
}

function podOf(taskRunUid: string, options = {}) {
  const pod = tektonPodObject(options)
  const ownerReferences = pod.metadata.ownerReferences.map((owner) => ({ ...owner, uid: taskRunUid }))
  return { ...pod, metadata: { ...pod.metadata, ownerReferences } }
}

interface Patched {
  readonly path: string
  readonly value: { readonly name: string; readonly args: readonly string[] }
}

function patchOf({ json }: Answer): readonly Patched[] {
  return JSON.parse(Buffer.from(String(json.response?.['patch'] ?? ''), 'base64').toString('utf8'))
}

function sidecarConfig(answer: Answer) {
  const sidecar = patchOf(answer).find(({ value }) => value.name === 'tokenbroker' && 'args' in value)
  return JSON.parse(sidecar?.value.args.at(-1) ?? '')
}

describe('the webhook process', { timeout: 60_000 }, () => {
  it('waits for its certificate, injects what a pipeline asks for, and ends at SIGTERM', async (context) => {
    const world = await createWorld(context)
    const webhook = await spawnWebhook(world, world.config, context)
    await webhook.said('waiting for files')
    await world.writeCertificate()
    const { health_url: health } = await webhook.said('webhook started')
    const target = await targetOf(webhook, world)
    const uid = makeRun(world.kube)

    const answer = await decided(podOf(uid), target)
    expect(sidecarConfig(answer)).toEqual({
      broker: { url: 'https://tokenbroker.tokenbroker.svc', ca: world.ca },
      volume: '/tokenbroker',
      messageFile: '/dev/termination-log',
      steps: [{ directory: '/tokenbroker/step-rollout', policies: [{ policy: 'deploy-staging' }] }],
    })
    const refusal = await decided(podOf(uid, { podTemplate: { hostNetwork: true } }), target)
    expect(refusal.json.response).toMatchObject({ allowed: false })
    const forged = await decided(podOf('not-that-one', { annotations: { 'tokenbroker.dev/inject': 'a' } }), target)
    expect(forged.json.response).toMatchObject({ allowed: false })

    const readyz = await fetch(`${health}/readyz`)
    const metrics = await (await fetch(`${health}/metrics`)).text()
    expect(readyz.status).toBe(200)
    expect(metrics).toContain('tokenbroker_webhook_decisions_total{decision="injected"} 1')
    expect(metrics).toContain('tokenbroker_webhook_decisions_total{decision="refused"} 2')
    expect(await webhook.said('sidecar injected')).toMatchObject({
      task_run: 'release-deploy',
      policies: ['deploy-staging'],
    })

    webhook.kill('SIGTERM')
    expect(await webhook.exited).toBe(0)
    expect(webhook.stderr()).toBe('')
  })

  it('answers what it was asked before SIGTERM, and is not ready meanwhile', async (context) => {
    const world = await createWorld(context)
    await world.writeCertificate()
    // Long enough for what follows the signal on a busy machine.
    const webhook = await spawnWebhook(world, { ...world.config, drainSeconds: 3 }, context)
    const { health_url: health } = await webhook.said('webhook started')
    const target = await targetOf(webhook, world)
    const uid = makeRun(world.kube)
    world.kube.faults.next({ resource: resources.taskRuns.plural }, { kind: 'delay', ms: 300 })

    const asked = decided(podOf(uid), target)
    webhook.kill('SIGTERM')
    await webhook.said('stopping')
    const [readyz, late] = await Promise.all([fetch(`${health}/readyz`), decided(podOf(uid), target)])

    expect(readyz.status).toBe(503)
    expect((await asked).json.response).toMatchObject({ allowed: true, patchType: 'JSONPatch' })
    expect(late.json.response).toMatchObject({ allowed: true, patchType: 'JSONPatch' })
    expect(await webhook.exited).toBe(0)
  })

  it('ends at SIGTERM though nobody reads its log any more', async (context) => {
    const world = await createWorld(context)
    await world.writeCertificate()
    const webhook = await spawnWebhook(world, world.config, context)
    const target = await targetOf(webhook, world)
    await webhook.loseReader()
    await send(review({ object: podOf('not-that-one') }), target)

    webhook.kill('SIGTERM')

    expect(await webhook.exited).toBe(0)
  })

  it('ends at SIGTERM while it still waits for its certificate', async (context) => {
    const world = await createWorld(context)
    const webhook = await spawnWebhook(world, world.config, context)
    await webhook.said('waiting for files')
    webhook.kill('SIGTERM')

    expect(await webhook.exited).toBe(0)
  })

  it('says no while nobody can read the runs, and goes on when they can be read', async (context) => {
    const world = await createWorld(context)
    await world.writeCertificate()
    const webhook = await spawnWebhook(world, world.config, context)
    const target = await targetOf(webhook, world)
    const uid = makeRun(world.kube)

    const readAgain = world.kube.faults.next({ resource: 'pipelineruns' }, { kind: 'hang' }, Number.POSITIVE_INFINITY)
    expect(await send(review({ object: podOf(uid) }), target)).toMatchObject({ status: 503 })
    readAgain()
    expect(await decided(podOf(uid), target)).toMatchObject({ status: 200 })
  })

  it.for([
    ['authorities that are none', 'ca.crt', 'no certificate', 1, 'webhook cannot start'],
    ['a key that is none', 'tls.key', 'no key', 1, 'webhook cannot start'],
  ] as const)('does not start with %s', async ([, name, text, code, msg], context) => {
    const world = await createWorld(context)
    await world.writeCertificate()
    await world.file(name, text)
    const webhook = await spawnWebhook(world, world.config, context)

    expect(await webhook.exited).toBe(code)
    expect(webhook.lines.map((line) => line.msg)).toContain(msg)
  })

  it('says everything that is wrong with its configuration', async (context) => {
    const world = await createWorld(context)
    const wrong = {
      broker: { url: 'http://tokenbroker.tokenbroker.svc', audience: 'ftp://x' },
      sidecar: { runAsUser: 0 },
      gate: { resources: { limits: { memory: 'x' } } },
      listener: { port: 70_000, tls: { certFile: '/a' } },
      lisener: {},
    }
    const webhook = await spawnWebhook(world, wrong, context)

    expect(await webhook.exited).toBe(2)
    const keys = ['broker.url', 'broker.audience', 'sidecar.image', 'sidecar.runAsUser', 'gate.resources.limits.memory']
    for (const key of [...keys, 'listener.port', 'listener.tls.keyFile', 'lisener']) {
      expect(webhook.stderr()).toContain(`  ${key}: `)
    }
    expect(webhook.stderr()).toContain('image: ghcr.io')
  })
})
