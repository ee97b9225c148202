import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../../../custom-task/sidecar')

/** A program of the sidecar's folder as a process of its own. */
export interface Program {
  readonly child: ChildProcess
  /** Everything it has printed so far, both streams. */
  output(): string
  /** Its exit code; null after a signal. */
  readonly exit: Promise<number | null>
}

export function startProgram(
  file: 'main.ts' | 'gate.ts',
  args: readonly string[],
  options: { uid?: number } = {},
): Program {
  const child = spawn(process.execPath, [join(folder, file), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data: Buffer) => {
      text += data.toString('utf8')
    })
  }
  const exit = once(child, 'close').then(([code]) => code as number | null)
  return { child, output: () => text, exit }
}

/** Log lines that are JSON. */
export function logLines(program: Program): readonly Record<string, unknown>[] {
  const lines = program.output().split('\n')
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>)
}
