import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { facts } from './cluster.ts'
import { GiveUp, waitFor } from './wait.ts'

export interface ProcessOptions {
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Name of the log file, by default the process's name. */
  readonly log?: string
}

/** A process of this machine that a test runs beside the cluster, such as the broker. */
export class HostProcess {
  readonly name: string
  readonly log: string
  readonly #start: () => ChildProcess
  #child: ChildProcess
  #exit: Promise<number | NodeJS.Signals>

  constructor(name: string, log: string, start: () => ChildProcess) {
    this.name = name
    this.log = log
    this.#start = start
    this.#child = start()
    this.#exit = exitOf(this.#child)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Exit code, or the signal it died of. */
  get exited(): Promise<number | NodeJS.Signals> {
    return this.#exit
  }

  /** Everything it wrote since the first start, restarts included. */
  output(): string {
    return readFileSync(this.log, 'utf8')
  }

  /** Asks it to end, waits, and gives how it ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    if (this.running) this.#child.kill(signal)
    return this.#exit
  }

  /** Ends it as a crash would. */
  kill(): Promise<number | NodeJS.Signals> {
    return this.stop('SIGKILL')
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Starts it again with the same command; one that still runs is killed first. */
  async restart(): Promise<void> {
    await this.kill()
    this.#child = this.#start()
    this.#exit = exitOf(this.#child)
  }

  /** Waits for a line of output; gives up when the process ends without it. */
  async waitForOutput(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    return this.#waitWhileRunning(`${this.name} writes ${pattern}`, () => pattern.exec(this.output()), timeoutMs)
  }

  /** Waits for a condition outside, such as an answer to a request; gives up when the process ends before it. */
  async waitUntil(description: string, probe: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    await this.#waitWhileRunning(`${this.name}: ${description}`, probe, timeoutMs)
  }

  async #waitWhileRunning<T>(description: string, probe: () => T | Promise<T>, timeoutMs: number) {
    const end = (): string => `last output:\n${this.output().split('\n').slice(-20).join('\n')}`
    return waitFor(
      description,
      async (report) => {
        const answer = await probe()
        if (answer) return answer
        if (!this.running) throw new GiveUp(`it has ended with ${await this.#exit}; ${end()}`)
        report(end())
        return undefined
      },
      { timeoutMs },
    )
  }
}

/**
 * Starts a program whose output goes to a log file. Pods reach its ports at `hostAddress()`. It ends with the test run
 * if the test does not end it; a test file stops its own in `afterAll`.
 */
export function startProcess(
  name: string,
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): HostProcess {
  const directory = facts().logs
  mkdirSync(directory, { recursive: true })
  const log = join(directory, `${options.log ?? name}.log`)
  closeSync(openSync(log, 'w'))
  return new HostProcess(name, log, () => {
    const output = openSync(log, 'a')
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    running.add(child)
    child.once('exit', () => running.delete(child))
    return child
  })
}

/** Starts a TypeScript or JavaScript program with the Node that runs the tests. */
export function startNode(
  name: string,
  script: string,
  args: readonly string[] = [],
  options?: ProcessOptions,
): HostProcess {
  return startProcess(name, process.execPath, [script, ...args], options)
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

function exitOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(signal ?? code ?? 1))
  })
}
