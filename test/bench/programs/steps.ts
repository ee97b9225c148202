import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import { type ExchangeWalk, startExchangeWalk, stepNames } from './exchange-walk.ts'

/**
 * Where the time of one exchange goes: each step alone, in one process, its caches warm and its inputs those of many
 * pods. Writes one line of JSON: {@link StepFigures}.
 *
 * Arguments: directory of the world, URL of its API server, issuer of the broker.
 */
const [directory = '', kubeUrl = '', issuerUrl = ''] = process.argv.slice(2)

/** Microseconds of processor time of one call of each step. */
export interface StepFigures {
  readonly steps: Readonly<Record<string, number>>
  readonly issue: Readonly<Record<'RS256' | 'ES256', number>>
  /** KiB that one call of each step allocates: all of it is garbage soon, and neighbours do not disturb the figure. */
  readonly garbage: Readonly<Record<string, number>>
  /** What a pod costs more whose last exchange was so long ago that the API server is asked about it again. */
  readonly coldMore: number
  /** What the cryptography of an exchange costs whoever does it. */
  readonly floor: Readonly<Record<'RS256 verify' | 'RS256 sign' | 'ES256 sign', number>>
}

const repeats = 3

/** The best of a few series: on a shared machine the rest measures the neighbours. */
async function microseconds(calls: number, call: (at: number) => unknown): Promise<number> {
  const series: number[] = []
  for (let repeat = 0; repeat <= repeats; repeat += 1) {
    const before = process.cpuUsage()
    for (let at = 0; at < calls; at += 1) {
      const result = call(at)
      if (result instanceof Promise) await result
    }
    const { user, system } = process.cpuUsage(before)
    // The first series warms the compiler.
    if (repeat > 0) series.push((user + system) / calls)
  }
  return Math.min(...series)
}

/** Compiled code allocates less than interpreted code, so only warm steps are to be measured. */
async function allocatedKiB(calls: number, call: (at: number) => unknown): Promise<number> {
  const before = getHeapStatistics().total_allocated_bytes
  for (let at = 0; at < calls; at += 1) {
    const result = call(at)
    if (result instanceof Promise) await result
  }
  return (getHeapStatistics().total_allocated_bytes - before) / calls / 1024
}

async function garbageOf(walk: ExchangeWalk): Promise<StepFigures['garbage']> {
  const garbage: Record<string, number> = {}
  for (const [name, step] of Object.entries(walk.steps)) garbage[name] = await allocatedKiB(4000, step)
  garbage['issue the token, RS256'] = await allocatedKiB(1000, walk.issueRs256)
  garbage['issue the token, ES256'] = await allocatedKiB(1000, walk.issueEs256)
  return garbage
}

async function stepFigures(walk: ExchangeWalk): Promise<StepFigures> {
  const steps: Record<string, number> = {}
  for (const [name, step] of Object.entries(walk.steps)) steps[name] = await microseconds(4000, step)
  const issue = { RS256: await microseconds(1000, walk.issueRs256), ES256: await microseconds(4000, walk.issueEs256) }
  return {
    steps,
    issue,
    garbage: await garbageOf(walk),
    coldMore: (await microseconds(50, walk.coldPod)) - warmPod(steps),
    floor: await floor(),
  }
}

function warmPod(steps: Readonly<Record<string, number>>): number {
  return (steps[stepNames.verify] ?? 0) + (steps[stepNames.gather] ?? 0)
}

async function floor(): Promise<StepFigures['floor']> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = Buffer.alloc(900, 'x')
  const signature = sign('sha256', text, rsa.privateKey)
  const signing = (key: KeyObject) => () => sign('sha256', text, key)
  return {
    'RS256 verify': await microseconds(4000, () => verify('sha256', text, rsa.publicKey, signature)),
    'RS256 sign': await microseconds(1000, signing(rsa.privateKey)),
    'ES256 sign': await microseconds(4000, signing(ec.privateKey)),
  }
}

const tokens = JSON.parse(readFileSync(join(directory, 'tokens.json'), 'utf8')) as readonly string[]
const walk = await startExchangeWalk({ directory, kubeUrl, issuerUrl, tokens })
const figures = await stepFigures(walk)
await walk.stop()
process.stdout.write(`${JSON.stringify(figures)}\n`)
