import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../../core/audit/canonical-json.ts'
import { fingerprintOf, GENESIS, maxLineBytes, type SealContext, sealRecord } from '../../../core/audit/chain.ts'
import type { AuditData } from '../../../core/audit/event.ts'
import { Problem } from '../../../core/problem.ts'
import { anyText } from '../../any-text.ts'
import { broker, chain, entry } from './chain-fixture.ts'

const context: SealContext = {
  previous: GENESIS,
  sequence: 1,
  chainUid: 'chain-1',
  id: 'event-1',
  source: '/tokenbroker',
  broker,
  durability: 'fdatasync',
}

function sealData(data: Partial<AuditData>) {
  const sealed = sealRecord(entry({ data: { outcome: 'denied', reason: 'rbac_denied', ...data } }), context)
  return { ...sealed, size: Buffer.byteLength(sealed.line) + 1 }
}

describe('sealRecord', () => {
  it('makes a CloudEvents 1.0 event with the position in the chain', () => {
    const { record } = sealRecord(entry(), { ...context, sequence: 12_345 })

    expect(record).toMatchObject({
      specversion: '1.0',
      id: 'event-1',
      source: '/tokenbroker',
      type: 'dev.tokenbroker.exchange.denied.v1',
      subject: 'payments/release-7xk2p',
      time: '2026-08-18T10:00:00.123Z',
      datacontenttype: 'application/json',
      sequence: '00000000000000012345',
      data: { broker, durability: 'fdatasync', attestation: { chain_uid: 'chain-1', prev_event: GENESIS } },
    })
  })

  it('writes the record as one line of canonical JSON', () => {
    const { record, line } = sealRecord(entry(), context)

    expect(line).toBe(canonicalJson(record))
    expect(JSON.parse(line)).toEqual(record)
    expect(line).not.toContain('\n')
  })

  it('fingerprints the canonical JSON of the record without the fingerprint', () => {
    const { line, fingerprint } = sealRecord(entry(), context)

    const parsed = JSON.parse(line)
    expect(parsed.data.attestation.fingerprint).toBe(fingerprint)
    expect(fingerprintOf(parsed)).toBe(fingerprint)
    delete parsed.data.attestation.fingerprint
    expect(createHash('sha256').update(canonicalJson(parsed)).digest('hex')).toBe(fingerprint)
  })

  it('chains each record to the one before', () => {
    const [first, second, third] = chain('chain-1', 3)

    expect(second?.record.data.attestation.prev_event).toBe(first?.fingerprint)
    expect(third?.record.data.attestation.prev_event).toBe(second?.fingerprint)
  })

  it('seals whatever text the entry holds, also text that looks like an attestation', () => {
    const attestation = `"attestation":{"chain_uid":"chain-1","prev_event":"${GENESIS}"}`
    const texts = fc.oneof(anyText(), fc.constant(attestation), fc.constant(`{${attestation}}`))

    fc.assert(
      fc.property(texts, texts, (detail, subject) => {
        const { line, record } = sealRecord(entry({ subject, data: { ...entry().data, detail } }), context)
        expect(line).toBe(canonicalJson(record))
        expect(fingerprintOf(JSON.parse(line))).toBe(record.data.attestation.fingerprint)
      }),
    )
  })

  it('shortens a long detail and says so, without halving a character', () => {
    const { record, size } = sealData({ detail: `a${'😀'.repeat(9000)}` })

    expect(size).toBeLessThan(4 * 1024 + 1024)
    expect(record.data.truncated).toEqual(['detail'])
    expect(record.data.detail?.isWellFormed()).toBe(true)
  })

  it('mends half a character in the detail, which may come from anywhere', () => {
    expect(sealData({ detail: 'a\ud800b' }).record.data.detail).toBe('a\ufffdb')
  })

  it('leaves out the other policies, then RBAC, before it gives up a record', () => {
    const names = Array.from({ length: 300 }, (_, index) => `policy-${index}-${'x'.repeat(60)}`)
    const other_policies = names.map((name) => ({ name, reason: 'rbac_denied' }))
    const rbac = names.map((name) => ({ resource_name: name, is_allowed: true }))
    const ids = { name: 'p', namespace: 'n', uid: 'u', generation: 1, provider: 'builtin', provider_generation: 1 }

    const withOthers = sealData({ other_policies, detail: 'why' })
    const withRbac = sealData({ other_policies, policy: { ...ids, rbac } })

    expect(withOthers.record.data).toMatchObject({ detail: 'why', truncated: ['detail', 'other_policies'] })
    expect(withRbac.record.data.policy).toEqual(ids)
    expect(withRbac.size).toBeLessThanOrEqual(maxLineBytes)
  })

  it('shortens what a refused request says, but never what was granted', () => {
    const request = { door: 'token', audience: `https://${'a'.repeat(15_000)}`, scope: ['b'.repeat(15_000)] } as const

    const { record } = sealData({ request, outcome: 'denied' })

    expect(record.data.request?.audience).toHaveLength(257)
    expect(record.data.request?.scope).toEqual([`${'b'.repeat(64)}…`])
    expect(record.data.truncated).toContain('request')
    expect(() => sealData({ request, outcome: 'authorized' })).toThrow(Problem)
  })

  it('keeps what is short when it shortens a refused request', () => {
    const short = { door: 'token', grant_type: 'g', policy: 'p', peer_address: '10.0.0.7' } as const
    const scope = Array.from({ length: 4000 }, () => 'scope')

    const { record } = sealData({ request: { ...short, scope }, outcome: 'failed', detail: 'why' })

    expect(record.data).toMatchObject({ detail: 'why', request: { ...short, scope: scope.slice(0, 16) } })
  })

  it('never makes a line over 16 KiB', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 6000 }),
        fc.constantFrom('x', 'é', '€', '😀', '"', '\u0001'),
        (count, unit) => {
          const revoked_tokens = [unit.repeat(count)]
          try {
            expect(sealData({ revoked_tokens }).size).toBeLessThanOrEqual(maxLineBytes)
          } catch (error) {
            expect(error).toBeInstanceOf(Problem)
            expect(Buffer.byteLength(JSON.stringify(revoked_tokens))).toBeGreaterThan(maxLineBytes - 1024)
          }
        },
      ),
    )
  })

  it('uses the whole 16 KiB', () => {
    const empty = sealData({ revoked_tokens: [''] }).size

    expect(sealData({ revoked_tokens: ['x'.repeat(maxLineBytes - empty)] }).size).toBe(maxLineBytes)
    expect(() => sealData({ revoked_tokens: ['x'.repeat(maxLineBytes - empty + 1)] })).toThrow(Problem)
  })

  it.each([
    ['a record that is too large', { revoked_tokens: ['x'.repeat(20_000)] }],
    ['a lone surrogate', { exchange_id: '\ud800' }],
    ['a number that JSON does not have', { duration_ms: Number.NaN }],
  ])('refuses %s as audit_unavailable', (_, data) => {
    expect(() => sealData(data)).toThrow(expect.objectContaining({ reason: 'audit_unavailable' }))
  })

  it('refuses data that holds an attestation of its own, which could be taken for the real one', () => {
    const attestation = { chain_uid: context.chainUid, prev_event: GENESIS }
    const actor = { cluster: 'c', namespace: 'n', service_account: 's', attestation }

    expect(() => sealData({ actor })).toThrow(expect.objectContaining({ reason: 'audit_unavailable' }))
  })

  it('refuses an entry without a time as audit_unavailable', () => {
    const seal = () => sealRecord(entry({ time: new Date(Number.NaN) }), context)

    expect(seal).toThrow(expect.objectContaining({ reason: 'audit_unavailable' }))
  })
})
