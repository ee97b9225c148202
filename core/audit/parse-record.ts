import type { AuditRecord } from './event.ts'

type Members = Readonly<Record<string, unknown>>

const sequencePattern = /^\d{20}$/
const fingerprintPattern = /^[0-9a-f]{64}$/

/**
 * Reads one line of a journal. Only what the chain rests on is demanded: unknown members, event types and reasons of a
 * later version pass, since the schema only grows.
 *
 * @returns `undefined` for text that is no record
 */
export function parseRecord(text: string): AuditRecord | undefined {
  const record = parseObject(text)
  return record !== undefined && hasEnvelope(record) && hasAttestation(record)
    ? (record as unknown as AuditRecord)
    : undefined
}

function parseObject(text: string): Members | undefined {
  try {
    return members(JSON.parse(text))
  } catch {
    return undefined
  }
}

function members(value: unknown): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : undefined
}

function hasEnvelope(record: Members): boolean {
  const sequence = record['sequence']
  const isSequence = typeof sequence === 'string' && sequencePattern.test(sequence)
  const texts = [record['id'], record['source'], record['type'], record['subject'], record['time']]
  return (
    record['specversion'] === '1.0' &&
    isSequence &&
    Number.isSafeInteger(Number(sequence)) &&
    texts.every((text) => typeof text === 'string' && text !== '') &&
    !Number.isNaN(Date.parse(String(record['time'])))
  )
}

function hasAttestation(record: Members): boolean {
  const attestation = members(members(record['data'])?.['attestation'])
  if (attestation === undefined) return false
  const { chain_uid: chainUid, prev_event: previous, fingerprint } = attestation
  return typeof chainUid === 'string' && chainUid !== '' && isFingerprint(previous) && isFingerprint(fingerprint)
}

function isFingerprint(value: unknown): boolean {
  return typeof value === 'string' && fingerprintPattern.test(value)
}
