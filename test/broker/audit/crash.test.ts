import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { AuditRecord } from '../../../core/audit/event.ts'
import { open, temporaryDirectory, verifyDirectory } from './journal-fixture.ts'

const program = fileURLToPath(new URL('crash-child.ts', import.meta.url))

interface Acknowledged {
  readonly subject: string
  readonly sequence: number
  readonly eventId: string
}

/** Lets a broker append, kills it after `count` receipts, and gives every receipt that it ever told. */
async function killAfter(count: number, directory: string): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [program, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const acknowledged: Acknowledged[] = []
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    // The pipe may end inside a line, which was told only in part.
    if (line.endsWith('}')) acknowledged.push(JSON.parse(line))
    if (acknowledged.length === count) child.kill('SIGKILL')
  }
  await exited
  return acknowledged
}

describe('a broker that is killed while it appends', { timeout: 60_000 }, () => {
  it.each([1, 300, 2000])(
    'keeps every acknowledged record and a chain that verifies, after %i receipts',
    async (count) => {
      const directory = await temporaryDirectory()

      const acknowledged = await killAfter(count, directory)
      const found = new Map<string, AuditRecord>()
      await open(directory, { onDurable: (record) => found.set(record.id, record) })

      expect(acknowledged.length).toBeGreaterThanOrEqual(count)
      const missing = acknowledged.filter(({ eventId, subject, sequence }) => {
        const record = found.get(eventId)
        return record?.subject !== subject || Number(record.sequence) !== sequence
      })
      expect(missing).toEqual([])
      expect((await verifyDirectory(directory)).verdict).toBe('ok')
    },
  )

  it('goes on with one chain over several deaths', async () => {
    const directory = await temporaryDirectory()

    const told = [await killAfter(50, directory), await killAfter(50, directory), await killAfter(50, directory)].flat()

    const verification = await verifyDirectory(directory)
    expect(verification.offence?.kind ?? 'torn_tail').toBe('torn_tail')
    expect(verification.chains).toHaveLength(1)
    expect(verification.records).toBeGreaterThanOrEqual(told.length)
  })
})
