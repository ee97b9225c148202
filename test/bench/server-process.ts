import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server under measurement, in a process of its own on one processor. */
export interface ServerProcess {
  readonly pid: number
  /** Seconds of processor time so far, all threads, user and system. */
  cpuSeconds(): number
  rssMiB(): number
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

interface Options {
  /** Processor to run on, where the machine has `taskset`. */
  readonly cpu?: number
  readonly env?: Readonly<Record<string, string>>
  /** A line of standard output that matches says that the server is ready. */
  readonly ready: RegExp
}

/** As the webhook and the image start a sidecar. */
export const sidecarFlags: readonly string[] = ['--max-semi-space-size=2']
export const sidecarEnvironment: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '1' }

const ticksPerSecond = 100
const startTimeoutMs = 60_000

export async function startServerProcess(
  args: readonly string[],
  options: Options,
): Promise<ServerProcess & { readonly line: string }> {
  const child = spawnNode(args, options)
  const line = await readyLine(child, options.ready, args.join(' '))
  const pid = child.pid ?? 0
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  return {
    pid,
    line,
    cpuSeconds: () => cpuSeconds(pid),
    rssMiB: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Runs a program to its end on one processor. @returns the JSON that it writes @throws when it fails */
export async function runProgram(args: readonly string[], options: Omit<Options, 'ready'>): Promise<unknown> {
  const child = spawnNode(args, options)
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`)
  return JSON.parse(text)
}

/** Waits for the `/readyz` of a listener. @throws after a minute of anything else than 200 */
export async function untilReady(url: string, { pollMs = 5 } = {}): Promise<void> {
  for (const deadline = performance.now() + startTimeoutMs; performance.now() < deadline; ) {
    if ((await fetch(`${url}/readyz`)).ok) return
    await sleep(pollMs)
  }
  throw new Error(`${url} does not get ready`)
}

/** A port that nobody listens on, for servers that are told theirs. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function spawnNode(args: readonly string[], { cpu, env }: Omit<Options, 'ready'>): ChildProcess {
  const [command, prefix] =
    cpu !== undefined && hasTaskset() ? ['taskset', ['-c', String(cpu), process.execPath]] : [process.execPath, []]
  return spawn(command, [...prefix, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production', LOG_LEVEL: 'error', ...env },
  })
}

async function readyLine(child: ChildProcess, ready: RegExp, name: string): Promise<string> {
  if (child.stdout === null) throw new Error('no standard output')
  const timer = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs)
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (!ready.test(line)) continue
      child.stdout.resume()
      return line
    }
  } finally {
    clearTimeout(timer)
  }
  throw new Error(`${name} ended before it was ready`)
}

/** @see proc(5): fields 14 (utime) and 15 (stime) of /proc/PID/stat, counted behind the name in parentheses */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

let tasksetFound: boolean | undefined

function hasTaskset(): boolean {
  if (tasksetFound === undefined) {
    try {
      execFileSync('taskset', ['--version'], { stdio: 'ignore' })
      tasksetFound = true
    } catch {
      tasksetFound = false
    }
  }
  return tasksetFound
}
