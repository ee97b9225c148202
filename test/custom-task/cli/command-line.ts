import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { CommandContext } from '../../../custom-task/cli/command.ts'
import { run } from '../../../custom-task/cli/run.ts'
import { childEnvironment } from '../../child-environment.ts'

export interface Ran {
  readonly code: number
  /** Standard output, as it came. */
  readonly out: string
  /** Standard error. */
  readonly notes: string
}

export const now = new Date('2026-03-01T12:00:00Z')

/** Runs a command line in this process, as `main.ts` does. */
export async function commandLine(args: readonly string[], changes: Partial<CommandContext> = {}): Promise<Ran> {
  const [out, notes]: [string[], string[]] = [[], []]
  const code = await run(args, {
    out(line) {
      out.push(`${line}\n`)
      return true
    },
    note: (line) => void notes.push(`${line}\n`),
    isTerminal: false,
    env: {},
    clock: () => now,
    signal: new AbortController().signal,
    ...changes,
  })
  return { code, out: out.join(''), notes: notes.join('') }
}

const program = join(import.meta.dirname, '../../../custom-task/cli/main.ts')

/** Starts the program as a process of its own; the caller reads its output. */
export function startCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  // By its own first line, as a shell does.
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...childEnvironment(), ...env },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

export async function runProcess(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const child = startCommand(args, env)
  let [out, notes] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (notes += text))
  const [code] = (await once(child, 'close')) as [number]
  return { code, out, notes }
}

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tokenbroker-cli-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}
