import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kube } from './harness/cluster.ts'
import type { KubeObject } from './harness/kube.ts'
import { outcomeOf, waitForRun } from './harness/pods.ts'
import { rounds } from './harness/rounds.ts'
import { installProduct } from './product/install.ts'
import { createTeam, pipelineRun } from './product/payments.ts'
import { startStopwatch } from './product/timeline.ts'

const count = rounds({ few: 6, full: 20 })

beforeAll(async () => {
  await installProduct()
})

afterAll(async () => {
  await (await kube()).close()
})

/**
 * Tekton's controller allows itself 20 calls a second and 20 at once (its `main.go` doubles what `-kube-api-qps` and
 * `-kube-api-burst` say, 10 each by default), and a run such as this takes it between five and six. Back to back, every
 * run after the first few waits for that; with this pause none does.
 */
const budgetMs = 500

test.each([
  ['back to back', 0],
  [`${budgetMs} ms apart`, budgetMs],
])('gates one after the other, %s: every one succeeds, and the figures are printed', async (pace, pauseMs) => {
  const { namespace } = await createTeam({ apiUrl: 'http://unused.invalid' })
  const client = await kube()
  const nobodys = await client.create(foreignCustomRun(namespace))
  const stopwatch = await startStopwatch(namespace)
  const measured: Record<string, number[]> = {}
  const note = (name: string, ms: number) => {
    measured[name] ??= []
    measured[name].push(ms)
  }

  // the first one makes connections and fills caches
  await waitForRun(await client.create(pipelineRun(namespace, { isGate: true })))
  for (let round = 0; round < count; round += 1) {
    await pause(pauseMs)
    note('one customruns/status merge-patch', await patchTime(nobodys, round))
    const began = performance.now()
    const run = await client.create(pipelineRun(namespace, { isGate: true }))
    const { created, named, decided, done } = await stopwatch.of(run)
    note('PipelineRun created → CustomRun created (Tekton)', created - began)
    note('CustomRun created → named by its PipelineRun (Tekton)', named - created)
    note('CustomRun named → Succeeded (controller, broker, audit)', decided - named)
    note('CustomRun created → Succeeded', decided - created)
    note('CustomRun Succeeded → PipelineRun done (Tekton)', done - decided)
    note('PipelineRun created → done', done - began)
    expect(outcomeOf(await client.get(await client.pathOf(run)))?.status).toBe('True')
  }
  await stopwatch.stop()
  process.stdout.write(table(pace, measured))
})

/** A CustomRun of a kind that no controller knows. */
function foreignCustomRun(namespace: string): KubeObject {
  return {
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'CustomRun',
    metadata: { generateName: 'nobodys-', namespace },
    spec: { customRef: { apiVersion: 'nobody.example.com/v1', kind: 'Nothing' } },
  }
}

/** The least that any custom task's controller does: one write of the status, through Tekton's webhook. */
async function patchTime(customRun: KubeObject, round: number): Promise<number> {
  const client = await kube()
  const path = `${await client.pathOf(customRun)}/status`
  const message = `Round ${round}`
  const condition = {
    type: 'Succeeded',
    status: 'Unknown',
    reason: 'Tried',
    message,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  }
  const began = performance.now()
  await client.patch(path, { status: { conditions: [condition] } })
  return performance.now() - began
}

function table(pace: string, measured: Readonly<Record<string, readonly number[]>>): string {
  const [patch = []] = Object.values(measured)
  const base = quantile(patch, 0.5)
  const rows = Object.entries(measured).map(([name, all]) => {
    const [p50, p90, max] = [0.5, 0.9, 1].map((share) => quantile(all, share))
    return [name.padEnd(60), ...[p50, p90, max].map((ms = 0) => ms.toFixed(1)), ((p50 ?? 0) / base).toFixed(1)]
  })
  const lines = [[`ms, n=${count}, ${pace}`.padEnd(60), 'p50', 'p90', 'max', '÷ patch'], ...rows]
  return `\n${lines.map(([name, ...cells]) => `${name}${cells.map((cell) => cell.padStart(9)).join('')}`).join('\n')}\n\n`
}

function quantile(all: readonly number[], share: number): number {
  const sorted = all.toSorted((a, b) => a - b)
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
}
