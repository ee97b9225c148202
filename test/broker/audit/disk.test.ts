import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemDisk } from '../../../broker/audit/disk.ts'

/** Flags that the kernel holds for the open file of a path. @see proc(5), /proc/PID/fdinfo */
function openFlags(path: string): number {
  const descriptor = readdirSync('/proc/self/fd').find((fd) => linkOf(fd) === path)
  return Number.parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1] ?? '', 8)
}

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
}

describe('systemDisk', () => {
  it.runIf(process.platform === 'linux').each([true, false])(
    'opens files whose writes are durable when they end, new: %s',
    async (isNew) => {
      await using directory = await temporary()
      const path = join(directory.path, 'segment')
      if (!isNew) await (await systemDisk.open(path, { isNew: true })).close()

      const file = await systemDisk.open(path, { isNew })

      expect(openFlags(path) & constants.O_DSYNC).toBe(constants.O_DSYNC)
      await file.close()
    },
  )

  it('appends to what is there', async () => {
    await using directory = await temporary()
    const path = join(directory.path, 'segment')
    const first = await systemDisk.open(path, { isNew: true })
    await first.append(Buffer.from('one\n'))
    await first.close()

    const second = await systemDisk.open(path, { isNew: false })
    await second.append(Buffer.from('two\n'))
    await second.close()

    expect(await readFile(path, 'utf8')).toBe('one\ntwo\n')
  })
})

async function temporary() {
  const path = await mkdtemp(join(tmpdir(), 'tokenbroker-disk-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
