import { type ChainHead, GENESIS, type SealedRecord, sealRecord, sequenceText } from '../../../core/audit/chain.ts'
import type { AuditEntry } from '../../../core/audit/event.ts'
import { type AuditLine, splitLines } from '../../../core/audit/lines.ts'

export const broker = { name: 'tokenbroker-0', version: '0.1.0' }

export function entry(overrides: Partial<AuditEntry> = {}): AuditEntry {
  return {
    type: 'dev.tokenbroker.exchange.denied.v1',
    subject: 'payments/release-7xk2p',
    time: new Date('2026-08-18T10:00:00.123Z'),
    data: {
      outcome: 'denied',
      reason: 'rbac_denied',
      detail: 'scope deploy:produktion – nicht erlaubt',
      actor: { cluster: 'prod', namespace: 'tokenbroker', service_account: 'controller' },
      subject: { cluster: 'prod', namespace: 'payments', service_account: 'deployer' },
    },
    ...overrides,
  }
}

/** Seals `count` records of one chain; `before` is the chain that it names as broken off. */
export function chain(chainUid: string, count: number, before?: ChainHead): SealedRecord[] {
  const sealed: SealedRecord[] = []
  for (let sequence = 1; sequence <= count; sequence++) {
    const context = { sequence, chainUid, id: `${chainUid}-${sequence}`, source: '/tokenbroker', broker } as const
    const previous = sealed.at(-1)?.fingerprint ?? GENESIS
    const first = sequence === 1 && before !== undefined ? recovered(before) : entry()
    sealed.push(sealRecord(first, { ...context, previous, durability: 'fdatasync' }))
  }
  return sealed
}

function recovered(before: ChainHead): AuditEntry {
  const { chainUid, sequence, fingerprint } = before
  const previous_head = { chain_uid: chainUid, sequence: sequenceText(sequence), fingerprint }
  const data = { outcome: 'info', reason: 'accepted_new_epoch', recovery: { previous_head } } as const
  return entry({ type: 'dev.tokenbroker.broker.recovered.v1', subject: broker.name, data })
}

export function headOf(sealed: readonly SealedRecord[]): ChainHead {
  const last = sealed.at(-1)
  if (last === undefined) throw new TypeError('a chain without records has no head')
  const { chain_uid: chainUid, fingerprint } = last.record.data.attestation
  return { chainUid, sequence: Number(last.record.sequence), fingerprint }
}

export function textOf(sealed: readonly SealedRecord[]): string {
  return sealed.map(({ line }) => `${line}\n`).join('')
}

export function linesOf(content: string | Uint8Array, file = 'journal'): AsyncIterable<AuditLine> {
  return splitLines(chunked(content, 1 << 16), { file })
}

export async function* chunked(content: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}
