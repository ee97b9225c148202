import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { createLogDestination } from '../../../core/io/log-destination.ts'

const script = join(import.meta.dirname, 'log-child.ts')

function start(ending: string) {
  const child = spawn(process.execPath, [script, ending], { stdio: ['ignore', 'pipe', 'ignore'] })
  const lines = createInterface({ input: child.stdout })
  return { child, lines }
}

async function linesOf(ending: string): Promise<readonly string[]> {
  const { lines } = start(ending)
  const messages: string[] = []
  for await (const line of lines) messages.push((JSON.parse(line) as { msg: string }).msg)
  return messages
}

describe('createLogDestination', () => {
  it.each(['end', 'exit', 'uncaught'])('writes what waits when the process ends by: %s', async (ending) => {
    expect(await linesOf(ending)).toEqual(['first'])
  })

  it('listens for the end of the process once, however many logs there are', () => {
    createLogDestination()
    const before = process.listenerCount('exit')

    for (let count = 0; count < 20; count += 1) createLogDestination()

    expect(process.listenerCount('exit')).toBe(before)
  })

  it('writes a warning at once, behind what waited', async () => {
    expect(await linesOf('killed-after-warning')).toEqual(['first', 'second'])
  })

  it('writes a lone line of a process that goes on', async () => {
    const { child, lines } = start('goes-on')

    const [line] = await once(lines, 'line')

    expect(JSON.parse(String(line))).toMatchObject({ msg: 'first' })
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
})
