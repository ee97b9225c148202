import { pino } from 'pino'
import { openJournal } from '../../../broker/audit/journal.ts'
import { createUuidV7 } from '../../../core/io/uuid.ts'
import { entry } from '../../core/audit/chain-fixture.ts'

// Appends from 16 callers until it is killed, and tells each receipt, as a broker tells its callers.
const [, , directory = ''] = process.argv
const clock = () => new Date()
const journal = await openJournal(
  {
    directory,
    source: '/tokenbroker/crash',
    broker: { name: 'crash', version: '0.1.0' },
    clock,
    newId: createUuidV7(clock),
    log: pino({ level: 'silent' }),
    limits: { segmentBytes: 100_000 },
  },
  new AbortController().signal,
)

async function appendForEver(caller: number): Promise<void> {
  for (let number = 1; ; number++) {
    const subject = `payments/${caller}-${number}`
    const { sequence, eventId } = await journal.append(entry({ subject }))
    process.stdout.write(`${JSON.stringify({ subject, sequence, eventId })}\n`)
  }
}

await Promise.all(Array.from({ length: 16 }, (_, caller) => appendForEver(caller)))
