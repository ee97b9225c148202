import { hash } from 'node:crypto'
import { Problem } from '../problem.ts'
import { canonicalJson } from './canonical-json.ts'
import type { AuditAttestation, AuditData, AuditEntry, AuditRecord, AuditRequest } from './event.ts'

/** `prev_event` of the first record of a chain. */
export const GENESIS = '0'.repeat(64)

/** Longest line, with its line feed, that is ever written; CloudEvents intermediaries forward four times as much. */
export const maxLineBytes = 16 * 1024

const dataschema = 'urn:tokenbroker:schema:audit:v1'
const maxDetailLength = 2048

/** The last record of a chain: what the next one names, and what an anchor remembers. */
export interface ChainHead {
  readonly chainUid: string
  /** 0 in an empty chain. */
  readonly sequence: number
  /** {@link GENESIS} in an empty chain. */
  readonly fingerprint: string
}

export interface SealContext {
  /** Fingerprint of the record before. */
  readonly previous: string
  readonly sequence: number
  readonly chainUid: string
  readonly id: string
  readonly source: string
  readonly broker: { readonly name: string; readonly version: string }
  readonly durability: 'fdatasync' | 'memory'
}

export interface SealedRecord {
  readonly record: AuditRecord
  /** Canonical JSON of the record, without line feed. */
  readonly line: string
  readonly fingerprint: string
}

type Attestation = Omit<AuditAttestation, 'fingerprint'>
type UnsealedRecord = Omit<AuditRecord, 'data'> & {
  readonly data: Omit<AuditRecord['data'], 'attestation'> & { readonly attestation: Attestation }
}

/**
 * Makes the record that continues a chain. Its fingerprint is the hex SHA-256 of the canonical JSON of the record
 * without `data.attestation.fingerprint`; a verifier parses the line, removes that member, canonicalises and hashes.
 * The line is canonical JSON too, fingerprint included, so any other spelling of the same record is an edit.
 *
 * Free text is shortened where the line would pass {@link maxLineBytes}, and `data.truncated` says so.
 *
 * @throws Problem `audit_unavailable` for an entry that is no JSON, or is too large even so
 */
export function sealRecord(entry: AuditEntry, context: SealContext): SealedRecord {
  for (const data of everShorter(entry.data)) {
    const sealed = sealOrRefuse({ ...entry, data }, context)
    if (fits(sealed.line)) return sealed
  }
  throw new Problem('audit_unavailable', { detail: 'the audit record is over 16 KiB' })
}

/** Sequence as it stands in a record: 20 digits, so that text order is number order. */
export function sequenceText(sequence: number): string {
  return String(sequence).padStart(20, '0')
}

/**
 * Fingerprint of a record as a verifier computes it from the parsed line, whatever members it carries.
 *
 * @throws TypeError when the value has no canonical form
 */
export function fingerprintOf(record: AuditRecord): string {
  const { fingerprint: _, ...attestation } = record.data.attestation
  return sha256(canonicalJson({ ...record, data: { ...record.data, attestation } }))
}

function sealOrRefuse(entry: AuditEntry, context: SealContext): SealedRecord {
  try {
    return sealWhole(entry, context)
  } catch (cause) {
    throw new Problem('audit_unavailable', { detail: 'the audit record is not plain JSON', cause })
  }
}

function sealWhole(entry: AuditEntry, context: SealContext): SealedRecord {
  const attestation: Attestation = { chain_uid: context.chainUid, prev_event: context.previous }
  const { broker, durability } = context
  const unsealed: UnsealedRecord = {
    specversion: '1.0',
    id: context.id,
    source: context.source,
    type: entry.type,
    subject: entry.subject,
    time: entry.time.toISOString(),
    datacontenttype: 'application/json',
    dataschema,
    sequence: sequenceText(context.sequence),
    data: { ...entry.data, broker, durability, attestation },
  }
  const text = canonicalJson(unsealed)
  const fingerprint = sha256(text)
  const sealed: AuditAttestation = { ...attestation, fingerprint }
  const record: AuditRecord = { ...unsealed, data: { ...unsealed.data, attestation: sealed } }
  return { record, line: splice(text, attestation, sealed), fingerprint }
}

/**
 * Puts the fingerprint into text that was canonicalised without it, which saves a second pass over the whole record.
 * Quotes inside strings are escaped, so the searched text can only be the member itself.
 */
function splice(text: string, attestation: Attestation, sealed: AuditAttestation): string {
  const without = `"attestation":${canonicalJson(attestation)}`
  const at = text.indexOf(without)
  if (at < 0 || at !== text.lastIndexOf(without)) throw new TypeError('a record has one attestation')
  return `${text.slice(0, at)}"attestation":${canonicalJson(sealed)}${text.slice(at + without.length)}`
}

/** The data as it is, then with less and less of what an investigation can miss most easily. */
function* everShorter(data: AuditData): Generator<AuditData> {
  if (data.detail === undefined) yield data
  else if (data.detail.length <= maxDetailLength) yield { ...data, detail: data.detail.toWellFormed() }
  else yield { ...data, detail: shorten(data.detail, maxDetailLength), truncated: ['detail'] }
  const { detail, other_policies: _others, ...rest } = data
  const brief = detail === undefined ? rest : { ...rest, detail: shorten(detail, 256) }
  yield { ...brief, truncated: ['detail', 'other_policies'] }
  const bare = withoutRbac(brief)
  yield { ...bare, truncated: ['detail', 'other_policies', 'policy.rbac'] }
  // What was granted or authorised is kept whole; a refused request can be of any size, and must leave a trace.
  if (data.request === undefined || (data.outcome !== 'denied' && data.outcome !== 'failed')) return
  const request = shortenRequest(data.request)
  yield { ...bare, request, truncated: ['detail', 'other_policies', 'policy.rbac', 'request'] }
}

function withoutRbac(data: AuditData): AuditData {
  if (data.policy === undefined) return data
  const { rbac: _rbac, ...policy } = data.policy
  return { ...data, policy }
}

function shortenRequest({ door, grant_type, audience, scope, policy, peer_address }: AuditRequest): AuditRequest {
  return {
    door,
    ...(grant_type !== undefined && { grant_type: shorten(grant_type, 128) }),
    ...(audience !== undefined && { audience: shorten(audience, 256) }),
    ...(scope !== undefined && { scope: scope.slice(0, 16).map((name) => shorten(name, 64)) }),
    ...(policy !== undefined && { policy: shorten(policy, 256) }),
    ...(peer_address !== undefined && { peer_address: shorten(peer_address, 64) }),
  }
}

/** Never leaves half of a surrogate pair, which canonical JSON would refuse. */
function shorten(text: string, maxLength: number): string {
  return text.length <= maxLength ? text.toWellFormed() : `${text.slice(0, maxLength).toWellFormed()}…`
}

function fits(line: string): boolean {
  // A UTF-16 unit is at most three bytes of UTF-8: most lines need no counting.
  if (line.length * 3 < maxLineBytes) return true
  return line.length < maxLineBytes && new TextEncoder().encode(line).byteLength < maxLineBytes
}

function sha256(text: string): string {
  return hash('sha256', text, 'hex')
}
