import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { childEnvironment } from '../../child-environment.ts'

/** The broker as its own process. */
export interface BrokerProcess {
  readonly pid: number
  /** Exit code, or the signal's name. */
  readonly exited: Promise<number | string>
  /** Everything it printed so far, both streams. */
  output(): string
  /** Log lines so far. */
  log(): readonly LogLine[]
  /** Waits for the first log line with that message. @throws Error with the output when the process ends before */
  logged(msg: string): Promise<LogLine>
  kill(signal: NodeJS.Signals): void
  /** Nobody reads what it prints any more. Resolves when it can notice. */
  loseReaders(): Promise<void>
}

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly err?: { readonly message: string; readonly name: string }
  readonly [field: string]: unknown
}

interface Options {
  readonly env?: Readonly<Record<string, string>>
  /** Options of node. */
  readonly execArgv?: readonly string[]
  /** Size that no file of it may get over; in blocks of 512 or 1024 bytes, as the shell has it. */
  readonly fileBlocks?: number
}

const program = join(import.meta.dirname, '../../../broker/main.ts')

export function spawnBroker(args: readonly string[], { env, execArgv = [], fileBlocks }: Options = {}): BrokerProcess {
  const command = [process.execPath, ...execArgv, program, ...args]
  const limited =
    fileBlocks === undefined ? command : ['sh', '-c', `ulimit -f ${fileBlocks}; exec "$@"`, 'sh', ...command]
  const [file = '', ...rest] = limited
  const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...childEnvironment(), ...env } })
  let text = ''
  let look: () => void = () => undefined
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      look()
    })
  }
  const exited = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })

  const log = () =>
    text
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as LogLine] : []))

  return {
    pid: child.pid ?? 0,
    exited,
    output: () => text,
    log,
    async logged(msg) {
      const found = Promise.withResolvers<LogLine>()
      look = () => {
        const line = log().find((one) => one.msg === msg)
        if (line !== undefined) found.resolve(line)
      }
      look()
      const ended = exited.then((code) => {
        throw new Error(`the broker ended with ${code} before it logged "${msg}":\n${text}`)
      })
      return await Promise.race([found.promise, ended])
    },
    kill: (signal) => void child.kill(signal),
    async loseReaders() {
      for (const stream of [child.stdout, child.stderr]) await once(stream.destroy(), 'close')
    },
  }
}
