import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JournalOptions } from '../../../broker/audit/journal.ts'
import { openJournal } from '../../../broker/audit/journal.ts'
import type { ChainHead } from '../../../core/audit/chain.ts'
import type { AuditEntry, AuditRecord } from '../../../core/audit/event.ts'
import { journalOptions, never, segmentFiles } from '../../broker/audit/journal-fixture.ts'
import { temporaryDirectory } from './command-line.ts'

const time = new Date('2026-03-01T12:00:00Z')
const run = { assurance: 'claimed', pipeline_run: 'release-7', task_run: 'release-7-deploy' } as const
const subject = { cluster: 'main', namespace: 'payments', service_account: 'deployer' }
const audience = 'https://deploy.example.com'

export const started: AuditEntry = {
  type: 'dev.tokenbroker.broker.started.v1',
  subject: 'tokenbroker',
  time,
  data: { outcome: 'info', reason: 'started' },
}

export const granted: AuditEntry = {
  type: 'dev.tokenbroker.exchange.granted.v1',
  subject: 'payments/release-7',
  time,
  data: {
    outcome: 'granted',
    reason: 'granted',
    exchange_id: 'exchange-1',
    subject,
    run,
    request: { door: 'token', policy: 'deploy-staging', audience, scope: ['deploy:staging'] },
    token: {
      jti: 'exchange-1',
      issuer: 'https://tokenbroker.example.com',
      audience,
      scope: ['deploy:staging', 'read'],
      issued_at: '2026-03-01T12:00:00Z',
      expires_at: '2026-03-01T12:05:00Z',
    },
  },
}

export const denied: AuditEntry = {
  type: 'dev.tokenbroker.exchange.denied.v1',
  subject: 'billing/rollout-pod',
  time,
  data: {
    outcome: 'denied',
    reason: 'rbac_denied',
    detail: 'deploy: rbac: deployer may not exchange it',
    exchange_id: 'exchange-2',
    subject: { ...subject, namespace: 'billing' },
    run: { assurance: 'claimed', task_run: 'rollout' },
    request: { door: 'token', audience, scope: ['deploy:production'] },
  },
}

/** A journal as the broker writes it, closed again. */
export async function journalOf(
  entries: readonly AuditEntry[],
  { directory, ...options }: Partial<JournalOptions> = {},
): Promise<{ readonly directory: string; readonly head: ChainHead }> {
  const place = directory ?? (await temporaryDirectory())
  const journal = await openJournal(journalOptions(place, options), never)
  for (const entry of entries) await journal.append(entry)
  await journal.close(never)
  return { directory: place, head: journal.head() }
}

export async function firstSegment(directory: string): Promise<string> {
  const [file] = await segmentFiles(directory)
  if (file === undefined) throw new TypeError('the journal has no segment')
  return join(directory, file)
}

/** Writes the first segment anew. */
export async function edit(directory: string, change: (text: string) => string): Promise<void> {
  const path = await firstSegment(directory)
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}

export function headText({ chainUid, sequence, fingerprint }: ChainHead): string {
  return `${chainUid}:${sequence}:${fingerprint}`
}

/** What a journal was handed, of what it made of that: another journal can write it. */
export function entriesOf(records: readonly AuditRecord[]): readonly AuditEntry[] {
  return records.map(
    ({ type, subject, time: at, data: { broker: _broker, durability: _durability, attestation: _at, ...data } }) => ({
      type,
      subject,
      time: new Date(at),
      data,
    }),
  )
}
