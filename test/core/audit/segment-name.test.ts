import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatSegmentName, parseSegmentName } from '../../../core/audit/segment-name.ts'

describe('parseSegmentName', () => {
  it('reads what formatSegmentName writes', () => {
    const name = { epoch: 2, chainUid: '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b', firstSequence: 1234 }

    expect(formatSegmentName(name)).toBe('000002-0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b-00000000000000001234.jsonl')
    expect(parseSegmentName(formatSegmentName(name))).toEqual(name)
  })

  it.each([
    'journal.lock',
    'x.jsonl',
    '000001-a-00000000000000000000.jsonl',
    '000001-a-99999999999999999999.jsonl',
    '',
  ])('does not take %j for a segment', (file) => {
    expect(parseSegmentName(file)).toBeUndefined()
  })

  it('sorts as text in the order of writing', () => {
    const positions = fc.tuple(fc.integer({ min: 1, max: 999_999 }), fc.integer({ min: 1, max: 2 ** 50 }))

    fc.assert(
      fc.property(positions, positions, ([epochA, a], [epochB, b]) => {
        const nameA = formatSegmentName({ epoch: epochA, chainUid: `chain-${epochA}`, firstSequence: a })
        const nameB = formatSegmentName({ epoch: epochB, chainUid: `chain-${epochB}`, firstSequence: b })
        expect(nameA < nameB).toBe(epochA === epochB ? a < b : epochA < epochB)
      }),
    )
  })
})
