import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { runProcess, startCommand, temporaryDirectory } from './command-line.ts'
import { denied, edit, granted, journalOf } from './journal-directory.ts'

describe('the command line as a process', () => {
  it('starts by its own first line, with data and notes on streams of their own', async () => {
    const [version, nothing] = await Promise.all([runProcess(['--version']), runProcess([])])

    expect(version).toMatchObject({ code: 0, out: expect.stringMatching(/^tokenbroker /), notes: '' })
    expect(nothing).toMatchObject({ code: 2, out: '', notes: expect.stringContaining('Usage: tokenbroker COMMAND') })
  })

  it('reads TOKENBROKER_DIR of its environment', async () => {
    const directory = await temporaryDirectory()

    expect(await runProcess(['token', 'deploy'], { TOKENBROKER_DIR: directory })).toMatchObject({
      code: 5,
      notes: expect.stringContaining(`${directory}/key cannot be read`),
    })
  })

  it('ends well when the reader of a listing goes away', async () => {
    const { directory } = await journalOf(Array.from({ length: 1500 }, () => granted))
    const child = startCommand(['exchanges', '--journal', directory, '-o', 'json'])
    const notes: string[] = []
    child.stderr.setEncoding('utf8').on('data', (text) => notes.push(text))

    await once(createInterface({ input: child.stdout }), 'line')
    child.stdout.destroy()

    expect(await once(child, 'exit')).toEqual([0, null])
    expect(notes.join('')).toBe('')
  })

  it('gives its verdict also when nobody reads it', async () => {
    const { directory } = await journalOf([granted, denied])
    await edit(directory, (text) => text.replace('"granted"', '"denied"'))
    const child = startCommand(['audit', 'verify', directory])
    child.stdout.destroy()

    expect(await once(child, 'exit')).toEqual([2, null])
  })
})
