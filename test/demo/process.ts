import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { childEnvironment } from '../child-environment.ts'

/** One of the product's processes, with its output in a file. */
export interface DemoProcess {
  readonly name: string
  readonly logFile: string
  /** Exit code, or the signal's name. */
  stop(): Promise<number | string>
}

export function startProcess(name: string, args: readonly string[], logFile: string): DemoProcess {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: childEnvironment() })
  const log = createWriteStream(logFile, { mode: 0o600 })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  return { name, logFile, stop: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<number | string> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  return child.exitCode ?? child.signalCode ?? 0
}

/** Asks until the answer is 200; what it last heard is in the error. */
export async function waitUntilReady(name: string, url: string, deadlineMs: number): Promise<void> {
  let last = 'no answer'
  while (Date.now() < deadlineMs) {
    try {
      const response = await fetch(url)
      if (response.ok) return
      last = `${response.status} ${(await response.text()).trim()}`
    } catch {
      last = 'no answer'
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`${name} is not ready: ${last}`)
}

/** Runs one command to its end. */
export async function runToEnd(args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'close')) as [number]
  return { code, output: output.trimEnd() }
}
