import { readdir, readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { lockDirectory } from '../../../broker/audit/lock.ts'
import { temporaryDirectory } from './journal-fixture.ts'

async function lockFile(directory: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(directory, 'journal.lock'), 'utf8'))
}

/** A lock as another life of this broker left it, changed as the test says. */
async function abandoned(change: Record<string, unknown>): Promise<string> {
  const directory = await temporaryDirectory()
  const unlock = await lockDirectory(directory, 'a')
  const holder = await lockFile(directory)
  await unlock()
  await writeFile(join(directory, 'journal.lock'), JSON.stringify({ ...holder, ...change }))
  return directory
}

describe('lockDirectory', () => {
  it('refuses a directory that is in use, and says by whom', async () => {
    const directory = await temporaryDirectory()
    await lockDirectory(directory, 'a')

    await expect(lockDirectory(directory, 'b')).rejects.toMatchObject({
      name: 'JournalUnusable',
      kind: 'locked',
      message: expect.stringContaining(`process ${process.pid} on ${hostname()}`),
    })
  })

  it('gives the directory to the next, and leaves nothing behind', async () => {
    const directory = await temporaryDirectory()
    const unlock = await lockDirectory(directory, 'a')

    await unlock()
    expect(await readdir(directory)).toEqual([])
    await lockDirectory(directory, 'b')

    expect(await readdir(directory)).toEqual(['journal.lock'])
  })

  it('gives it to one of many that ask at once', async () => {
    const directory = await abandoned({ started: '1' })

    const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((id) => lockDirectory(directory, id)))

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await readdir(directory)).toEqual(['journal.lock'])
  })

  it.each([
    ['a process that is gone', { pid: 4_194_303, started: '1' }],
    ['an earlier process with this id, as in a restarted container', { started: '1' }],
    ['a process before the machine was started anew', { boot: 'another' }],
    ['a process that is gone, where nothing more is known', { pid: 4_194_303, started: undefined, boot: undefined }],
  ])('takes over the lock of %s', async (_, change) => {
    const directory = await abandoned(change)

    await lockDirectory(directory, 'b')

    expect(await lockFile(directory)).toMatchObject({ pid: process.pid })
  })

  it('takes over a lock that a power cut left empty', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'journal.lock'), '')

    await expect(lockDirectory(directory, 'b')).resolves.toBeDefined()
  })

  it.each([
    ['another host', { hostname: 'elsewhere', pid: 4_194_303 }],
    ['a living process, where only its id is known', { started: undefined, boot: undefined }],
  ])('never takes the lock of %s', async (_, change) => {
    const directory = await abandoned(change)

    await expect(lockDirectory(directory, 'b')).rejects.toMatchObject({
      kind: 'locked',
      message: expect.stringContaining('remove'),
    })
  })

  it('does not let go of a lock that somebody else took', async () => {
    const directory = await temporaryDirectory()
    const unlock = await lockDirectory(directory, 'a')
    await writeFile(join(directory, 'journal.lock'), '{"pid":1}')

    await unlock()

    expect(await lockFile(directory)).toEqual({ pid: 1 })
  })
})
