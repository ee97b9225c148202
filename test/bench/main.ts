import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { issuerUrl, startWorld } from './broker-world.ts'
import { benchBurst } from './burst-bench.ts'
import { benchExchanges } from './exchange-bench.ts'
import { burstGoals, exchangeGoals, journalGoals, limitGoals, sidecarGoals, unmeasuredGoals } from './goals.ts'
import { weighImages } from './images-bench.ts'
import { printExchanges, printJournal, printSidecar, printSteps, printWebhook } from './print.ts'
import { printBurst, printImages, printStart } from './print-delivery.ts'
import { printPolicies } from './print-policies.ts'
import type { JournalFigures } from './programs/journal.ts'
import type { PolicyFigures } from './programs/policies.ts'
import type { StepFigures } from './programs/steps.ts'
import { type Goal, goalLine } from './report.ts'
import { runProgram } from './server-process.ts'
import { benchSidecar } from './sidecar-bench.ts'
import { benchStart } from './start-bench.ts'
import { benchWebhook } from './webhook-bench.ts'

const usage = `Usage: npm run bench -- [--only start,burst,exchange,sidecar,webhook,journal,steps,policies] [--rounds N] [--seconds N]
                       [--processes N] [--cluster]

Compares with baselines in the same run: single figures of a shared machine mean little, ratios within a round do.
Servers run alone on processor 0, as they are shipped and with their default log level; the load comes from the others.
--processes says how many real sidecars the burst starts beside 200 in few processes, default 40.
With --cluster also weighs the images and times pods on the cluster of npm run test:cluster, which needs what that needs.
Ends with 0 when everything ran, however it did; with 1 when something failed or an answer was not 200.`

const parts = ['steps', 'policies', 'journal', 'start', 'burst', 'sidecar', 'webhook', 'exchange'] as const
const connections = 16
const pods = 500

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: parts.join(',') },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    processes: { type: 'string', default: '40' },
    cluster: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
})
const only = values.only.split(',')
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const processes = Number(values.processes)
const isUsable =
  only.every((part) => (parts as readonly string[]).includes(part)) && rounds >= 1 && seconds > 0 && processes >= 1
if (values.help || !isUsable) {
  console.log(usage)
  process.exit(values.help ? 0 : 2)
}

const progress = (line: string) => process.stderr.write(`${line}\n`)
const model = cpus()[0]?.model.trim() ?? 'unknown processor'
console.log(`Node ${process.version}, ${cpus().length} x ${model}, ${rounds} rounds of ${seconds} s`)

const goals: Goal[] = []
let steps: StepFigures | undefined
if (only.includes('steps')) {
  await using world = await startWorld(pods)
  const script = join(import.meta.dirname, 'programs/steps.ts')
  steps = (await runProgram([script, world.directory, world.kubeUrl, issuerUrl], { cpu: 0 })) as StepFigures
  printSteps(steps, pods)
}
if (only.includes('policies')) {
  printPolicies((await runProgram([join(import.meta.dirname, 'programs/policies.ts')], { cpu: 0 })) as PolicyFigures)
}
if (only.includes('journal')) {
  const script = join(import.meta.dirname, 'programs/journal.ts')
  const figures = (await runProgram([script, String(Math.min(2, seconds))], { cpu: 0 })) as JournalFigures
  printJournal(figures)
  goals.push(...journalGoals(figures))
}
if (only.includes('start')) printStart(await benchStart({ rounds: 5 }))
if (only.includes('burst')) {
  const figures = await benchBurst({ processes })
  printBurst(figures)
  goals.push(...burstGoals(figures))
}
if (only.includes('sidecar')) {
  const figures = await benchSidecar({ rounds, seconds: Math.min(2, seconds), connections, progress })
  printSidecar(figures, connections)
  goals.push(...sidecarGoals(figures))
}
if (only.includes('webhook')) printWebhook(await benchWebhook({ seconds: Math.min(2, seconds), connections }))
if (only.includes('exchange')) {
  const figures = await benchExchanges({ rounds, seconds, connections, pods, progress })
  printExchanges(figures, pods, connections)
  goals.push(...exchangeGoals(figures))
  if (steps !== undefined) goals.push(...limitGoals(figures, steps))
}
if (values.cluster) {
  printImages(await weighImages())
  const files = ['test/cluster/pod-start.test.ts', 'test/cluster/latency.test.ts']
  const env = { ...process.env, TOKEN_BROKER_MEASURE: 'full' }
  const child = spawn(process.execPath, ['test/cluster/run.ts', ...files], { stdio: 'inherit', env })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`the cluster tests ended with ${code}`)
}

console.log('\nGoals')
for (const goal of [...goals, ...unmeasuredGoals].sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }))) {
  console.log(`  ${goalLine(goal)}`)
}
