import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { RigError } from './progress.ts'

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Called for each line of stderr as it comes. */
  readonly onLine?: (line: string) => void
}

/** Runs a command in this terminal and gives its exit code. Ctrl-C is the command's to answer, in its own way. */
export async function follow(
  command: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<number> {
  const [program = '', ...args] = command
  const ignore = (): void => undefined
  process.on('SIGINT', ignore)
  try {
    const child = spawn(program, args, { ...options, stdio: 'inherit' })
    return await new Promise((resolve, reject) => {
      child.once('error', (error) => reject(new RigError(`${program} cannot be run: ${error.message}`)))
      child.once('exit', (code) => resolve(code ?? 1))
    })
  } finally {
    process.off('SIGINT', ignore)
  }
}

/** Runs a command to its end and gives its stdout; a failure carries the end of its stderr. */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: Buffer[] = []
  const complaints: string[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  createInterface({ input: child.stderr }).on('line', (line) => {
    complaints.push(line)
    if (complaints.length > 40) complaints.shift()
    options.onLine?.(line)
  })
  const status = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', (error) => reject(new RigError(`${command} cannot be run: ${error.message}`)))
    child.once('close', (code, signal) => resolve(code ?? signal))
  })
  const text = Buffer.concat(output).toString()
  if (status !== 0) {
    const end = [...complaints, ...text.split('\n').slice(-10)].join('\n')
    throw new RigError(`\`${[command, ...args].join(' ')}\` ended with ${status}\n${end}`)
  }
  return text
}
