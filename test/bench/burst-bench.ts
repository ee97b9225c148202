import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type BenchWorld, startBroker, startWorld } from './broker-world.ts'
import { bundle, bundleInCluster } from './bundle.ts'
import type { ColdFigures } from './programs/cold-sidecars.ts'
import { median } from './report.ts'
import { sidecarEnvironment, sidecarFlags, startServerProcess, untilReady } from './server-process.ts'

/** Many pods that start at the same moment, against one broker. */
export interface BurstFigures {
  /** Sidecars as objects, a few dozen in each of some processes, so that they really begin at once. */
  readonly instances: Burst & {
    /** Callers that each sidecar has while it has no token yet. */
    readonly callersOfEach: number
  }
  /** The bundle of the image, a process for each. */
  readonly processes: Burst & {
    /** Resident memory of one; what it has for itself; what it costs when the code of Node is shared by all. */
    readonly rssMiB: number
    readonly privateMiB: number
    readonly proportionalMiB: number
  }
}

export interface Burst {
  readonly sidecars: number
  /** Callers without a token, and sidecars that did not get ready. */
  readonly failures: number
  /** Exchanges that the broker decided: one for each pod and policy, however many ask. */
  readonly exchanges: number
  readonly p50Ms: number
  readonly slowestMs: number
}

const hosts = 4
const sidecarsOfEach = 50
const callersOfEach = 8
/** How often each of them is asked whether it is ready: more often would cost more than they do. */
const pollMs = 100
const policy = 'deploy-0'

/** @param processes real ones: each costs 21 MiB, and a tenth of a second of a processor to start */
export async function benchBurst({ processes }: { readonly processes: number }): Promise<BurstFigures> {
  await using world = await startWorld(hosts * sidecarsOfEach + processes)
  using built = bundleInCluster('broker', world.mount)
  await using broker = await startBroker(world, built.path('broker'), { durability: 'fdatasync' })
  const counted = async <T>(work: () => Promise<T>): Promise<T & { readonly exchanges: number }> => {
    const before = await exchangesOf(broker.metricsUrl)
    const figures = await work()
    return { ...figures, exchanges: (await exchangesOf(broker.metricsUrl)) - before }
  }
  const url = `http://127.0.0.1:${broker.port}`
  return {
    instances: await counted(() => coldInstances(world, url)),
    processes: await counted(() => coldProcesses(world, url, processes)),
  }
}

async function coldInstances(world: BenchWorld, url: string) {
  const started = await Promise.all(
    Array.from({ length: hosts }, async (_, at) => {
      const tokens = world.tokens.slice(at * sidecarsOfEach, (at + 1) * sidecarsOfEach)
      const script = join(import.meta.dirname, 'programs/cold-sidecars.ts')
      const args = [script, url, world.directory, policy, String(callersOfEach), ...tokens]
      const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      await lines.next()
      return { child, lines }
    }),
  )
  for (const { child } of started) child.stdin.write('\n')
  const figures = await Promise.all(
    started.map(async ({ lines }) => JSON.parse(String((await lines.next()).value)) as ColdFigures),
  )
  const latencies = figures.flatMap((one) => one.latencies)
  return {
    sidecars: hosts * sidecarsOfEach,
    callersOfEach,
    failures: figures.reduce((sum, one) => sum + one.failures, 0),
    p50Ms: median(latencies),
    slowestMs: Math.max(...latencies),
  }
}

async function coldProcesses(world: BenchWorld, url: string, processes: number) {
  using built = bundle('task')
  await using stack = new AsyncDisposableStack()
  const began = performance.now()
  const tokens = world.tokens.slice(-processes)
  const started = await Promise.allSettled(
    tokens.map(async (token, index) => {
      const home = join(world.directory, `sidecar-${index}`)
      mkdirSync(join(home, 'step'), { recursive: true })
      writeFileSync(join(home, 'token'), token)
      const anyPort = '127.0.0.1:0'
      const steps = [{ directory: join(home, 'step'), policies: [policy] }]
      const config = { broker: { url, tokenFile: join(home, 'token') }, listen: anyPort, health: anyPort, steps }
      const args = [...sidecarFlags, built.path('sidecar'), '--config-json', JSON.stringify(config)]
      const env = { ...sidecarEnvironment, LOG_LEVEL: 'info' }
      const server = stack.use(await startServerProcess(args, { ready: /"sidecar started"/, env }))
      await untilReady((JSON.parse(server.line) as { readonly health_url: string }).health_url, { pollMs })
      return { ms: performance.now() - began, server }
    }),
  )
  const ready = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const memory = ready.map(({ server }) => memoryOf(server.pid))
  return {
    sidecars: processes,
    failures: processes - ready.length,
    p50Ms: median(ready.map(({ ms }) => ms)),
    slowestMs: Math.max(...ready.map(({ ms }) => ms)),
    rssMiB: median(memory.map(({ rss }) => rss)),
    privateMiB: median(memory.map(({ own }) => own)),
    proportionalMiB: median(memory.map(({ share }) => share)),
  }
}

/** @see proc(5): /proc/PID/smaps_rollup, in KiB */
function memoryOf(pid: number) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const mib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024
  return { rss: mib('Rss'), own: mib('Private_Clean') + mib('Private_Dirty'), share: mib('Pss') }
}

/** Exchanges that the broker decided so far, whatever came of them. */
async function exchangesOf(metricsUrl: string): Promise<number> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text()
  const values = [...text.matchAll(/^tokenbroker_exchanges_total\{[^}]*\} (\d+)$/gm)]
  return values.reduce((sum, [, value]) => sum + Number(value), 0)
}
