import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { logs } from './places.ts'
import { RigError } from './progress.ts'

export interface Component {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/** Starts the cluster's processes, notices when one ends by itself, and waits for them to be ready. */
export class Supervisor {
  readonly #running = new Map<string, ChildProcess>()
  readonly #ended = Promise.withResolvers<never>()

  constructor() {
    mkdirSync(logs, { recursive: true })
    // nobody may be waiting when a component ends
    this.#ended.promise.catch(() => undefined)
  }

  /** Process ids by component, as seen inside the rig. */
  get processes(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#running].map(([name, child]) => [name, child.pid ?? 0]))
  }

  /** Rejects as soon as any component ends without having been told to. */
  get ended(): Promise<never> {
    return this.#ended.promise
  }

  start(component: Component): void {
    const log = openSync(logOf(component.name), 'w')
    const child = spawn(component.command, component.args, {
      env: { ...process.env, ...component.env },
      stdio: ['ignore', log, log],
      // a session of its own: Ctrl-C in the terminal is for the rig, which then ends its components
      detached: true,
    })
    closeSync(log)
    this.#running.set(component.name, child)
    child.once('error', (error) =>
      this.#ended.reject(new RigError(`${component.name} cannot be started: ${error.message}`)),
    )
    child.once('exit', (code, signal) => {
      if (this.#running.get(component.name) !== child) return
      this.#running.delete(component.name)
      this.#ended.reject(failure(component.name, `ended by itself (${signal ?? `exit code ${code}`})`))
    })
  }

  /** Ends a component in order and waits for its end. */
  async stop(name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#running.get(name)
    if (!child) return
    this.#running.delete(name)
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await exited
  }

  /** Polls `probe` until it gives something, the deadline passes, or any component ends. */
  async until<T>(
    component: string,
    what: string,
    probe: () => Promise<T | undefined | false>,
    seconds = 120,
  ): Promise<T> {
    const deadline = performance.now() + seconds * 1000
    let last = 'no answer yet'
    while (performance.now() < deadline) {
      const asked = probe().catch((error: unknown) => {
        last = describe(error)
        return undefined
      })
      const answer = await Promise.race([asked, this.#ended.promise])
      if (answer !== undefined && answer !== false) return answer
      await pause(50)
    }
    throw failure(component, `is not ready after ${seconds} s: waited for ${what} (${last})`)
  }
}

export function logOf(name: string): string {
  return join(logs, `${name}.log`)
}

function failure(name: string, what: string): RigError {
  const lines = readFileSync(logOf(name), { encoding: 'utf8', flag: 'a+' }).trimEnd().split('\n').slice(-15)
  return new RigError(`${name} ${what}\nlast lines of ${logOf(name)}:\n${lines.map((line) => `  ${line}`).join('\n')}`)
}

// fetch puts what matters into `cause`
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
