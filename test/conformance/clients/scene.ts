import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { PolicyFacts } from '../../../custom-task/webhook/policy-facts.ts'
import { logLines, startProgram } from '../../custom-task/sidecar/sidecar-process.ts'
import { context, inject } from '../../custom-task/webhook/apply.ts'
import { annotated } from '../../custom-task/webhook/tekton-pod.ts'
import { type FakeAnswer, granted, startFakeBroker, type TakenRequest } from '../../fakes/broker.ts'

export interface SceneOptions {
  /** As the pod's author writes them. */
  readonly annotations: Readonly<Record<string, string>>
  readonly policies: Readonly<Record<string, Omit<PolicyFacts, 'provider'> & { readonly provider?: string }>>
  /** Variables that the step sets itself. */
  readonly env?: Readonly<Record<string, string>>
  readonly answer: (request: TakenRequest) => FakeAnswer
}

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A step beside a sidecar. */
export interface Scene {
  /** The step's variables, as the webhook writes them. */
  readonly env: Readonly<Record<string, string>>
  /** Home directory of the step. */
  readonly home: string
  /** Where the token directories are. */
  readonly directory: string
  /** Runs a program as the step would. */
  run(
    program: string,
    args: readonly string[],
    more?: { readonly env?: object; readonly cwd?: string },
  ): Promise<Outcome>
}

const commandTimeoutMs = 60_000

/**
 * What the webhook writes into a pod, brought to life on this machine: the sidecar as a process of its own, with the very
 * configuration and variables, but for paths and ports.
 */
export async function startScene({ annotations, policies, env = {}, answer }: SceneOptions): Promise<Scene> {
  const root = await mkdtemp(join(tmpdir(), 'step-'))
  const directory = join(root, 'tokenbroker')
  const home = join(root, 'home')
  await Promise.all([mkdir(directory), mkdir(home), writeFile(join(root, 'identity'), 'own.projected.token')])
  const broker = await startFakeBroker()
  broker.answerWith(answer)

  const own = Object.entries(env).map(([name, value]) => ({ name, value }))
  const known = Object.entries(policies).map(([name, facts]) => [name, { provider: 'builtin', ...facts }] as const)
  const pod = inject(annotated(annotations, { steps: [{ name: 'work', env: own }] }), context([], [], new Map(known)))
  const [step] = pod.config().steps
  const config = {
    broker: { url: broker.url, tokenFile: join(root, 'identity') },
    listen: '127.0.0.1:0',
    health: '127.0.0.1:0',
    steps: [{ ...step, directory, mountPath: directory }],
  }
  const sidecar = startProgram('main.ts', ['--config-json', JSON.stringify(config)])
  onTestFinished(async () => {
    sidecar.child.kill('SIGTERM')
    await sidecar.exit
    await broker.close()
    await rm(root, { recursive: true })
  })
  const started = () => logLines(sidecar).find((line) => line['msg'] === 'sidecar started')
  await expect.poll(started, { timeout: 15_000, message: sidecar.output() }).toBeDefined()
  const { url, health_url: health } = started() ?? {}
  const isReady = async () => (await fetch(`${health}/readyz`)).status
  await expect.poll(isReady, { timeout: 15_000 }).toBe(200)

  const here = (text: string) =>
    text.replaceAll('http://127.0.0.1:8099', String(url)).replaceAll('/tokenbroker', directory)
  const variables = Object.fromEntries(
    Object.entries(pod.env('step-work')).map(([name, value = '']) => [name, here(value)]),
  )
  return {
    env: variables,
    home,
    directory,
    run: (program, args, more = {}) =>
      runProgram(program, args, { cwd: more.cwd ?? home, env: { HOME: home, ...variables, ...more.env } }),
  }
}

/** A broker that gives each policy tokens of this life. */
export function giving(issue: (lifetimeSeconds: number) => string, lifetimeSeconds = 300): () => FakeAnswer {
  return () => granted(issue(lifetimeSeconds), lifetimeSeconds)
}

async function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<Outcome> {
  const { PATH = '' } = process.env
  const child = spawn(program, args, {
    cwd,
    env: { PATH, LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: commandTimeoutMs,
  })
  const texts = [child.stdout, child.stderr].map(async (stream) => (await stream.toArray()).join(''))
  const [[code], stdout = '', stderr = ''] = await Promise.all([once(child, 'close'), ...texts])
  return { code: code as number | null, stdout, stderr }
}
