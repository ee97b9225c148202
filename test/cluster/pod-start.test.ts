import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { facts, kube } from './harness/cluster.ts'
import { explainOnFailure, podLogs, waitForSuccess } from './harness/pods.ts'
import { rounds } from './harness/rounds.ts'
import { installProduct } from './product/install.ts'
import { createTeam } from './product/payments.ts'
import { tokenTaskRun } from './product/token-task.ts'

const count = rounds({ few: 2, full: 10 })

let namespace: string

beforeAll(async () => {
  await installProduct()
  namespace = (await createTeam({ apiUrl: 'http://unused.invalid' })).namespace
}, 240_000)

afterAll(async () => {
  await (await kube()).close()
})

/** What an injected pod takes longer than the same pod without it; the figures are printed. */
test('pods with and without a token, in turn: every one succeeds, and the figures are printed', async () => {
  explainOnFailure(namespace)
  const bare = { annotations: {}, steps: [clockStep('true')] }
  const injected = {
    annotations: { inject: 'deploy-staging' },
    steps: [clockStep('test -s "$TOKENBROKER_TOKEN_FILE"')],
  }
  // the first ones unpack images and fill caches
  for (const task of [bare, injected]) await measure(task)

  const measured: Record<'bare' | 'injected', Sample[]> = { bare: [], injected: [] }
  for (let round = 0; round < count; round += 1) {
    measured.bare.push(await measure(bare))
    measured.injected.push(await measure(injected))
  }

  expect([...measured.bare, ...measured.injected].every(({ toStepMs }) => toStepMs > 0)).toBe(true)
  process.stdout.write(table(measured))
}, 300_000)

/** One pod; milliseconds from the creation of its TaskRun. */
interface Sample {
  /** Until its step ran. */
  readonly toStepMs: number
  /** Until the TaskRun was seen to have succeeded. */
  readonly toEndMs: number
}

/** A step that first says when it runs, by the clock of the kernel, which all containers of a node share. */
function clockStep(command: string): object {
  const script = `cat /proc/uptime && ${command}`
  return { name: 'work', image: facts().images.busybox, command: ['sh', '-c', script] }
}

async function measure({ annotations, steps }: Omit<Parameters<typeof tokenTaskRun>[0], 'namespace'>): Promise<Sample> {
  const client = await kube()
  const [bootMs, began] = [uptimeMs(readFileSync('/proc/uptime', 'utf8')), performance.now()]
  const run = await waitForSuccess(await client.create(tokenTaskRun({ namespace, annotations, steps })))
  const toEndMs = performance.now() - began
  const said = await podLogs(namespace, run.status.podName, 'step-work')
  await client.delete(await client.pathOf(run))
  return { toStepMs: uptimeMs(said) - bootMs, toEndMs }
}

/** @see proc(5): seconds since boot, in hundredths */
function uptimeMs(text: string): number {
  return Number(text.split(' ')[0]) * 1000
}

function table({ bare, injected }: Readonly<Record<'bare' | 'injected', readonly Sample[]>>): string {
  const rows = (['toStepMs', 'toEndMs'] as const).map((name) => {
    const [without, having] = [bare, injected].map((samples) => samples.map((sample) => sample[name]))
    const differences = bare.map((sample, round) => (injected[round]?.[name] ?? Number.NaN) - sample[name])
    const what = name === 'toStepMs' ? 'TaskRun created → step runs' : 'TaskRun created → done'
    return [what, without, having, differences].map((cell) =>
      typeof cell === 'string' ? cell.padEnd(30) : `${quantile(cell, 0.5)} [${quantile(cell, 0)}-${quantile(cell, 1)}]`,
    )
  })
  const lines = [[`ms, n=${count}, in turn`.padEnd(30), 'bare', 'injected', 'more, by round'], ...rows]
  return `\n${lines.map(([name, ...cells]) => `${name}${cells.map((cell) => cell.padStart(22)).join('')}`).join('\n')}\n\n`
}

function quantile(all: readonly number[] = [], share: number): string {
  const sorted = all.toSorted((a, b) => a - b)
  return (sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN).toFixed(0)
}
