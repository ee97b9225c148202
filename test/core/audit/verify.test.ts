import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../../core/audit/canonical-json.ts'
import { fingerprintOf } from '../../../core/audit/chain.ts'
import type { AuditRecord } from '../../../core/audit/event.ts'
import { verifyLines } from '../../../core/audit/verify.ts'
import { chain, headOf, linesOf, textOf } from './chain-fixture.ts'

const records = chain('chain-1', 6)
const text = textOf(records)
const bytes = new TextEncoder().encode(text)
const lines = records.map(({ line }) => line)

async function verify(content: string | Uint8Array, options = {}) {
  return await verifyLines(linesOf(content), options)
}

function joined(changed: readonly (string | undefined)[]): string {
  return changed.map((line) => `${line}\n`).join('')
}

/** Seals anew, as somebody who knows the format would. */
function forge(record: AuditRecord | undefined, change: (record: AuditRecord) => AuditRecord): string {
  if (record === undefined) throw new TypeError('no record to forge')
  const changed = change(record)
  const attestation = { ...changed.data.attestation, fingerprint: fingerprintOf(changed) }
  return canonicalJson({ ...changed, data: { ...changed.data, attestation } })
}

describe('verifyLines', () => {
  it('finds a whole chain ok, and says that a cut-off tail cannot be seen without an anchor', async () => {
    const verification = await verify(text)

    expect(verification).toMatchObject({ verdict: 'ok', isAnchored: false, records: 6, offence: undefined })
    expect(verification.head).toEqual(headOf(records))
    expect(verification.chains).toMatchObject([{ firstSequence: 1, records: 6, from: records[0]?.record.time }])
    expect(verification.message).toContain('cannot be seen whether records were cut off')
  })

  it('is anchored when the expected head is met, also where records follow it', async () => {
    const atEnd = await verify(text, { expectedHead: headOf(records) })
    const inside = await verify(text, { expectedHead: headOf(records.slice(0, 4)) })

    expect(atEnd).toMatchObject({ verdict: 'ok', isAnchored: true })
    expect(inside).toMatchObject({ verdict: 'ok', isAnchored: true })
    expect(atEnd.message).not.toContain('cannot be seen')
  })

  it('is unanchored only where an anchor is demanded', async () => {
    expect((await verify(text, { demandsAnchor: true })).verdict).toBe('unanchored')
    expect((await verify(text, { demandsAnchor: true, expectedHead: headOf(records) })).verdict).toBe('ok')
  })

  it('is incomplete when the tail before the expected head is missing', async () => {
    const verification = await verify(joined(lines.slice(0, 4)), { expectedHead: headOf(records) })

    expect(verification).toMatchObject({ verdict: 'incomplete', offence: { kind: 'missing_tail', sequence: 6 } })
  })

  it('is incomplete when the chain of the expected head is not there at all', async () => {
    expect(await verify('', { expectedHead: headOf(records) })).toMatchObject({ verdict: 'incomplete', records: 0 })
  })

  it('is tampered when another record stands where the anchored one was', async () => {
    const expectedHead = { ...headOf(records), fingerprint: 'f'.repeat(64) }

    expect(await verify(text, { expectedHead })).toMatchObject({
      verdict: 'tampered',
      offence: { kind: 'anchor_mismatch', line: 6 },
    })
  })

  it('is incomplete when the beginning is missing, unless pruning is allowed', async () => {
    const rest = joined(lines.slice(2))

    expect(await verify(rest)).toMatchObject({
      verdict: 'incomplete',
      offence: { kind: 'missing_beginning', sequence: 3 },
    })
    expect(await verify(rest, { allowsPrunedBeginning: true })).toMatchObject({ verdict: 'ok', records: 4 })
  })

  it.each([1, 2, 20, 300])('is incomplete when the last line is cut short by %i bytes', async (cut) => {
    const verification = await verify(bytes.slice(0, bytes.length - cut))

    expect(verification).toMatchObject({ verdict: 'incomplete', records: 5, offence: { kind: 'torn_tail', line: 6 } })
  })

  it.each([
    ['an edit', joined(lines.with(2, lines[2]?.replace('payments', 'paymentz') ?? '')), 'edited', 3],
    ['white space', joined(lines.with(2, ` ${lines[2]}`)), 'not_canonical', 3],
    [
      'a member twice',
      joined(lines.with(2, lines[2]?.replace('{"data":', '{"data":1,"data":') ?? '')),
      'not_canonical',
      3,
    ],
    ['an empty line', joined(lines.toSpliced(3, 0, '')), 'malformed', 4],
    ['a byte order mark', `\ufeff${text}`, 'malformed', 1],
    ['a deleted record', joined(lines.toSpliced(2, 1)), 'gap', 3],
    ['a repeated record', joined(lines.toSpliced(2, 0, lines[2] ?? '')), 'repeated', 4],
    ['moved records', joined([0, 2, 1, 3, 4, 5].map((index) => lines[index])), 'gap', 2],
    [
      'a number that no writer writes',
      joined(lines.with(2, lines[2]?.replace('{"data":{', '{"data":{"a":1e999,') ?? '')),
      'not_canonical',
      3,
    ],
    ['bytes that are no UTF-8', withByte(bytes, text.indexOf('rbac_denied'), 0xff), 'malformed', 1],
    ['nonsense', joined(lines.with(2, '{"a":1}')), 'malformed', 3],
  ])('is tampered by %s, and says where', async (_, content, kind, line) => {
    expect(await verify(content)).toMatchObject({ verdict: 'tampered', offence: { kind, line, file: 'journal' } })
  })

  it.each([
    ['a new outcome, sealed anew', (r: AuditRecord) => ({ ...r, subject: 'payments/other' }), 'broken_link', 4],
    ['an id that another record has', (r: AuditRecord) => ({ ...r, id: 'chain-1-1' }), 'duplicate_id', 3],
    ['another chain without beginning', (r: AuditRecord) => rechained(r, 'chain-9'), 'foreign_chain', 3],
  ])('is tampered by %s', async (_, change, kind, line) => {
    const forged = forge(records[2]?.record, change)

    expect(await verify(joined(lines.with(2, forged)))).toMatchObject({ verdict: 'tampered', offence: { kind, line } })
  })

  it('accepts members, types and reasons of a later version', async () => {
    const [first] = chain('chain-1', 1)
    const grown = forge(first?.record, (record) => {
      const data = { ...record.data, approval: { by: ['jane'] }, reason: 'later' } as unknown as AuditRecord['data']
      const attestation = { ...data.attestation, authority_uid: 'a', signatures: ['s'] }
      return { ...record, type: 'dev.tokenbroker.later.v1' as AuditRecord['type'], data: { ...data, attestation } }
    })

    expect(await verify(joined([grown]))).toMatchObject({ verdict: 'ok', records: 1 })
  })

  it('says tampered where a beginning is missing and a record was edited too', async () => {
    const content = joined(lines.slice(2).with(1, lines[3]?.replace('payments', 'paymentz') ?? ''))

    expect(await verify(content)).toMatchObject({ verdict: 'tampered', offence: { kind: 'edited', sequence: 4 } })
  })

  it('names file, line and sequence of the offence in its message', async () => {
    const torn = await verify(bytes.slice(0, -10))
    const short = await verify(text, { expectedHead: { ...headOf(records), sequence: 9 } })

    expect(torn.message).toMatch(/^journal, line 6: .* 5 records could be verified\.$/)
    expect(short.message).toMatch(/^the last records .* \(sequence 9\)\. 6 records/)
  })

  it('remembers a bounded number of ids to find a repeated one', async () => {
    const forged = joined(
      lines.with(
        5,
        forge(records[5]?.record, (record) => ({ ...record, id: 'chain-1-1' })),
      ),
    )

    expect((await verify(forged)).offence?.kind).toBe('duplicate_id')
    expect((await verify(forged, { trackedIds: 3 })).verdict).toBe('ok')
  })

  it('finds an edited record that carries the id of another chain, a first record that names a predecessor', async () => {
    const other = chain('chain-b', 1, headOf(records))
    const sameId = forge(other[0]?.record, (record) => ({ ...record, id: 'chain-1-1' }))
    const continued = forge(other[0]?.record, (record) => withPrevious(record, 'f'.repeat(64)))

    expect((await verify(joined([...lines, sameId]))).offence?.kind).toBe('duplicate_id')
    expect((await verify(joined([continued]))).offence?.kind).toBe('broken_link')
    expect((await verify(text, { expectedHead: { ...headOf(records), sequence: 1 } })).offence?.kind).toBe(
      'anchor_mismatch',
    )
  })

  it('reports the largest step back of the clock', async () => {
    const earlier = forge(records[5]?.record, (record) => ({ ...record, time: '2026-08-18T09:59:00.123Z' }))

    const { chains } = await verify(joined(lines.with(5, earlier)))

    expect(chains[0]?.clockRegressionMs).toBe(60_000)
  })

  it('finds every edit, deletion and insertion of one byte', async () => {
    const at = fc.nat({ max: bytes.length - 1 })
    const byte = fc.integer({ min: 0, max: 255 })

    await fc.assert(
      fc.asyncProperty(at, byte, fc.constantFrom('edit', 'delete', 'insert'), async (index, value, way) => {
        fc.pre(way !== 'edit' || bytes[index] !== value)
        const replacement = way === 'delete' ? [] : way === 'edit' ? [value] : [value, bytes[index] ?? 0]
        const changed = Uint8Array.from([...bytes.slice(0, index), ...replacement, ...bytes.slice(index + 1)])
        expect((await verify(changed)).verdict).not.toBe('ok')
      }),
      { numRuns: 1000 },
    )
  })

  it('finds every deletion, repetition and move of records before the head', async () => {
    const index = fc.nat({ max: 5 })

    await fc.assert(
      fc.asyncProperty(index, index, fc.constantFrom('delete', 'repeat', 'swap'), async (a, b, way) => {
        fc.pre(a !== b)
        const swapped = lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '')
        const repeated = lines.toSpliced(a, 0, lines[b] ?? '')
        const changed = way === 'swap' ? swapped : way === 'repeat' ? repeated : lines.toSpliced(a, 1)
        expect((await verify(joined(changed), { expectedHead: headOf(records) })).verdict).not.toBe('ok')
      }),
    )
  })
})

describe('verifyLines over several chains', () => {
  const old = chain('chain-a', 3)
  const next = chain('chain-b', 3, headOf(old))

  it('follows a new epoch that names the head of the old one', async () => {
    const verification = await verify(textOf([...old, ...next]))

    expect(verification).toMatchObject({ verdict: 'ok', records: 6 })
    expect(verification.chains.map(({ head }) => head.chainUid)).toEqual(['chain-a', 'chain-b'])
  })

  it('sees by the next chain that the tail of the one before is missing', async () => {
    expect(await verify(textOf([...old.slice(0, 2), ...next]))).toMatchObject({
      verdict: 'incomplete',
      offence: { kind: 'missing_tail', line: 3 },
    })
  })

  it.each([
    ['names no head', [...old, ...chain('chain-b', 2)]],
    ['names an earlier head', [...old, ...chain('chain-b', 2, headOf(old.slice(0, 2)))]],
    ['names another record', [...old, ...chain('chain-b', 2, { ...headOf(old), fingerprint: 'f'.repeat(64) })]],
  ])('is tampered when a later chain %s', async (_, sealed) => {
    expect(await verify(textOf(sealed))).toMatchObject({ verdict: 'tampered', offence: { kind: 'unlinked_chain' } })
  })

  it('goes on with the next chain behind a broken one, and still says tampered', async () => {
    const verification = await verify(textOf(old).replace('payments', 'paymentz') + textOf(next))

    expect(verification).toMatchObject({ verdict: 'tampered', records: 3, offence: { line: 1 } })
    expect(verification.head).toEqual(headOf(next))
  })

  it('is tampered when a line is cut short and a chain follows', async () => {
    async function* twoFiles() {
      yield* linesOf(textOf(old).slice(0, -10), 'a')
      yield* linesOf(textOf(next), 'b')
    }

    const verification = await verifyLines(twoFiles())

    expect(verification).toMatchObject({
      verdict: 'tampered',
      records: 5,
      offence: { kind: 'cut_line', file: 'a', line: 3 },
    })
  })

  it('is tampered when a chain comes back after another', async () => {
    const [first, ...rest] = old

    expect(await verify(textOf([...(first ? [first] : []), ...next, ...rest]))).toMatchObject({ verdict: 'tampered' })
  })
})

function withByte(source: Uint8Array, index: number, value: number): Uint8Array {
  return source.with(index, value)
}

function withPrevious(record: AuditRecord, prev_event: string): AuditRecord {
  return { ...record, data: { ...record.data, attestation: { ...record.data.attestation, prev_event } } }
}

function rechained(record: AuditRecord, chainUid: string): AuditRecord {
  return { ...record, data: { ...record.data, attestation: { ...record.data.attestation, chain_uid: chainUid } } }
}
