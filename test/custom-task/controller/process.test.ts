import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { childEnvironment } from '../../child-environment.ts'
import {
  authorizedAnswer,
  conditionOf,
  createWorld,
  customRunRef,
  isDone,
  pipelineRunRef,
  type World,
} from './scene.ts'

/** The controller as its own process, as it runs in a pod. */
async function spawnController({ kube, broker, tokenFile }: World, config: object = {}) {
  const directory = tokenFile.slice(0, tokenFile.lastIndexOf('/'))
  const [configFile, kubeconfig] = [`${directory}/controller.yaml`, `${directory}/kubeconfig`]
  const health = { address: '127.0.0.1', port: 0 }
  await writeFile(configFile, JSON.stringify({ broker: { url: broker.url, tokenFile }, health, ...config }))
  await writeFile(kubeconfig, kube.kubeconfig('admin'))
  const child = spawn(process.execPath, ['custom-task/controller/main.ts', '--config', configFile], {
    env: { ...childEnvironment(), KUBECONFIG: kubeconfig },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  const lines = readLines(child)
  const [stderr, started] = [readAll(child), lines.first('controller started')]
  return {
    exited,
    stderr,
    started,
    caught: lines.first('caches filled'),
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    loseReader: () => once(child.stdout.destroy(), 'close'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

interface LogLine {
  readonly msg: string
  readonly health_url?: string
}

function readLines(child: ChildProcess) {
  const waiting = new Map<string, (line: LogLine) => void>()
  const input = child.stdout ?? process.stdin
  createInterface({ input }).on('line', (text) => {
    const line = JSON.parse(text) as LogLine
    waiting.get(line.msg)?.(line)
  })
  return { first: (msg: string) => new Promise<LogLine>((resolve) => waiting.set(msg, resolve)) }
}

async function readAll({ stderr }: ChildProcess): Promise<string> {
  let text = ''
  for await (const chunk of stderr ?? []) text += String(chunk)
  return text
}

describe('the controller process', { timeout: 60_000 }, () => {
  it('finishes after a kill what it began before', async () => {
    await using world = await createWorld()
    const asked = Promise.withResolvers<void>()
    world.answerWith(() => {
      asked.resolve()
      return new Promise(() => undefined)
    })
    world.startRun()
    world.makeChild()
    world.nameChild()
    {
      await using first = await spawnController(world)
      await asked.promise
      await world.customRunWhen((object) => conditionOf(object) === 'Unknown Exchanging')
      first.kill('SIGKILL')
      expect(await first.exited).toBe('SIGKILL')
    }

    world.answerWith(() => authorizedAnswer)
    await using _ = await spawnController(world)

    const done = await world.customRunWhen(isDone)
    expect(conditionOf(done)).toBe('True Authorized')
    expect(done.metadata.finalizers ?? []).toEqual([])
  })

  it('tells after a kill that a run ended meanwhile', async () => {
    await using world = await createWorld()
    const { metadata } = world.startRun()
    world.broker.liveRuns = [`payments/PipelineRun/release/${metadata.uid}`]
    world.makeChild()
    world.nameChild()
    {
      await using first = await spawnController(world)
      await world.customRunWhen(isDone)
      first.kill('SIGKILL')
      await first.exited
    }
    world.kube.objects.delete(resources.pipelineRuns, pipelineRunRef)
    await world.kube.idle()

    await using _ = await spawnController(world)

    expect(await world.brokerAsked('/runs/end', 1)).toHaveLength(1)
    await expect.poll(() => world.kube.objects.get(resources.customRuns, customRunRef)).toBeUndefined()
  })

  it('tells at its next start that a run ended that never had a TokenExchange', async () => {
    await using world = await createWorld()
    const { metadata } = world.kube.objects.create({
      apiVersion: 'tekton.dev/v1',
      kind: 'TaskRun',
      metadata: { name: 'migrate', namespace: 'payments' },
      spec: { taskRef: { name: 'migrate' } },
      status: { conditions: [{ type: 'Succeeded', status: 'Unknown', reason: 'Running' }] },
    })
    const run = `payments/TaskRun/migrate/${metadata.uid}`
    world.broker.liveRuns = [run]
    {
      await using first = await spawnController(world)
      await first.caught
      first.kill('SIGKILL')
      await first.exited
    }
    expect(world.broker.requests).toEqual([])
    world.kube.objects.patchStatus(
      resources.taskRuns,
      { namespace: 'payments', name: 'migrate' },
      { conditions: [{ type: 'Succeeded', status: 'False', reason: 'TaskRunTimeout' }] },
    )

    await using _ = await spawnController(world)

    const [told] = await world.brokerAsked('/runs/end', 1)
    expect(told?.form.get('run')).toBe(run)
  })

  it('hands over a decision that is under way: the next leader asks again and decides, once', async () => {
    await using world = await createWorld()
    const namespace = 'tokenbroker-system'
    world.kube.objects.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    const [asked, cut] = [Promise.withResolvers<void>(), Promise.withResolvers<undefined>()]
    world.answerWith(() => {
      asked.resolve()
      return cut.promise
    })
    world.startRun()
    world.makeChild()
    world.nameChild()
    await using first = await spawnController(world, { leaderElection: { namespace } })
    await asked.promise
    await using second = await spawnController(world, { leaderElection: { namespace } })
    await second.started

    first.kill('SIGTERM')
    cut.resolve(undefined)
    expect(await first.exited).toBe(0)
    expect(isDone(world.customRun())).toBe(false)
    world.answerWith(() => authorizedAnswer)

    expect(conditionOf(await world.customRunWhen(isDone))).toBe('True Authorized')
    const events = () => world.kube.objects.list<KubeObject & { readonly reason?: string }>(resources.events)
    await expect.poll(() => events().filter(({ reason }) => reason === 'Authorized').length).toBe(1)
  })

  it('is ready once its caches are filled, shows metrics, and ends with 0 on SIGTERM', async () => {
    await using world = await createWorld()
    await using controller = await spawnController(world)
    const { health_url: url } = await controller.started
    await controller.caught

    const [live, ready, metrics, other] = await Promise.all(
      ['livez', 'readyz', 'metrics', 'debug'].map((path) => fetch(`${url}/${path}`)),
    )
    controller.kill('SIGTERM')

    expect([live?.status, ready?.status, metrics?.status, other?.status]).toEqual([200, 200, 200, 404])
    expect(await metrics?.text()).toContain('tokenbroker_controller_queue_depth{state="waiting"} 0')
    expect(await controller.exited).toBe(0)
  })

  it('works though nobody reads its log any more, and ends with 0 on SIGTERM', async () => {
    await using world = await createWorld()
    await using controller = await spawnController(world)
    await controller.caught
    await controller.loseReader()
    world.startRun()
    world.makeChild()
    world.nameChild()
    expect(conditionOf(await world.customRunWhen(isDone))).toBe('True Authorized')

    controller.kill('SIGTERM')

    expect(await controller.exited).toBe(0)
  })

  it('stands by, ready, while another one works, and goes on when that ends', async () => {
    await using world = await createWorld()
    const namespace = 'tokenbroker-system'
    world.kube.objects.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    await using first = await spawnController(world, { leaderElection: { namespace } })
    await first.caught
    await using second = await spawnController(world, { leaderElection: { namespace } })
    const { health_url: url } = await second.started
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status, { timeout: 10_000 }).toBe(200)
    expect(world.kube.openWatches({ resource: 'customruns' })).toBe(1)

    first.kill('SIGTERM')
    expect(await first.exited).toBe(0)
    await second.caught
    world.startRun()
    world.makeChild()
    world.nameChild()

    expect(conditionOf(await world.customRunWhen(isDone))).toBe('True Authorized')
  })

  it('finishes what it asked before it ends', async () => {
    await using world = await createWorld()
    const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<typeof authorizedAnswer>()]
    world.answerWith(() => {
      asked.resolve()
      return answer.promise
    })
    world.startRun()
    world.makeChild()
    world.nameChild()
    await using controller = await spawnController(world)
    await asked.promise

    controller.kill('SIGTERM')
    answer.resolve(authorizedAnswer)

    expect(await controller.exited).toBe(0)
    expect(conditionOf(world.customRun())).toBe('True Authorized')
  })

  it('refuses a configuration with every problem at once', async () => {
    await using world = await createWorld()
    await using controller = await spawnController(world, { brokr: {}, concurrency: 0 })

    expect(await controller.exited).toBe(2)
    const text = await controller.stderr
    expect(text).toContain('concurrency: ')
    expect(text).toContain('brokr')
    expect(text).toContain('A file that works:')
  })
})
