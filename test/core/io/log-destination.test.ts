import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createLogDestination, type WriteSync } from '../../../core/io/log-destination.ts'

const script = join(import.meta.dirname, 'log-child.ts')

function start(ending: string) {
  const child = spawn(process.execPath, [script, ending], { stdio: ['ignore', 'pipe', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
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

  it('lets a process end whose reader has gone', async () => {
    const { child, lines } = start('speaks-at-its-end')
    await once(lines, 'line')
    await once(child.stdout.destroy(), 'close')

    child.kill('SIGTERM')

    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('drops what cannot be written, and writes what comes behind it', () => {
    const reader = slowReader()
    const output = createLogDestination(reader.write)

    reader.says('ENOSPC')
    output.write('lost')
    output.flushSync()
    reader.says(undefined)
    output.write('kept')
    output.flushSync()

    expect(reader.text()).toBe('kept')
  })

  it('keeps for a reader that is behind what it did not take, up to a limit, whole characters', () => {
    const reader = slowReader()
    const output = createLogDestination(reader.write)
    const line = 'é'.repeat(4096)

    reader.says('EAGAIN', 3)
    output.write(line)
    output.flushSync()
    for (let count = 0; count < 1000; count += 1) {
      output.write(line)
      output.flushSync()
    }
    reader.says(undefined)
    output.flushSync()
    const caughtUp = reader.text()
    output.write('on')
    output.flushSync()

    expect(caughtUp).toMatch(/^é+$/)
    expect(caughtUp.length % line.length).toBe(0)
    expect(Buffer.byteLength(caughtUp)).toBeLessThan(1024 * 1024 + 2 * Buffer.byteLength(line))
    expect(reader.text()).toBe(`${caughtUp}on`)
  })
})

/** A file descriptor of a reader that may fail, before which it takes a few bytes. */
function slowReader() {
  const taken: Buffer[] = []
  let code: string | undefined
  let room = 0
  const write: WriteSync = (_, bytes) => {
    const size = code === undefined ? bytes.length : Math.min(room, bytes.length)
    if (size === 0) throw Object.assign(new Error('not now'), { code })
    room -= size
    taken.push(Buffer.from(bytes.subarray(0, size)))
    return size
  }
  const says = (next: string | undefined, bytes = 0) => {
    code = next
    room = bytes
  }
  return { write, says, text: () => Buffer.concat(taken).toString() }
}
