import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Initiator } from '../../../core/identity/run.ts'
import type { ApprovalNeed } from '../../../core/policy/allowance.ts'
import { expiresAfterSeconds, requirementsOf } from '../../../core/policy/approval-requirements.ts'

const alice: Initiator = { username: 'alice', uid: undefined, kind: 'person', isProved: true }

function need(groups: readonly string[] | undefined, required = 1, seconds = 1800): ApprovalNeed {
  return { groups, required, expiresAfterSeconds: seconds, askedBy: 'policy' }
}

describe('requirementsOf', () => {
  it.each<[string, readonly ApprovalNeed[], readonly object[]]>([
    ['one', [need(['managers'])], [{ groups: ['managers'], required: 1 }]],
    ['anybody', [need(undefined)], [{ required: 1 }]],
    ['no groups as anybody', [need([])], [{ required: 1 }]],
    [
      'the greater number of the same groups',
      [need(['b', 'a']), need(['a', 'b'], 3)],
      [{ groups: ['a', 'b'], required: 3 }],
    ],
    [
      'several, in one order',
      [need(['b']), need(['a'])],
      [
        { groups: ['a'], required: 1 },
        { groups: ['b'], required: 1 },
      ],
    ],
  ])('asks for %s', (_, needs, expected) => {
    expect(requirementsOf(needs, alice)).toEqual(expected)
  })

  it.each<[string, Initiator | undefined, number]>([
    ['a proved person', alice, 1],
    ['a person that a verified event names', { ...alice, kind: 'event' }, 1],
    ['a person that anybody could have written there', { ...alice, isProved: false }, 2],
    ['a ServiceAccount', { ...alice, username: 'system:serviceaccount:ci:bot', kind: 'serviceaccount' }, 2],
    ['nobody knows', undefined, 2],
  ])('wants, of a run that %s started, at least %#', (_, initiator, required) => {
    expect(requirementsOf([need(['managers'])], initiator)).toEqual([{ groups: ['managers'], required }])
  })

  it('says the same in whatever order it is told', () => {
    const needs = fc.array(
      fc.tuple(fc.subarray(['a', 'b', 'c']), fc.integer({ min: 1, max: 10 })).map(([groups, n]) => need(groups, n)),
      { minLength: 1, maxLength: 6 },
    )
    fc.assert(
      fc.property(needs, (all) => {
        expect(requirementsOf(all.toReversed(), alice)).toEqual(requirementsOf(all, alice))
      }),
    )
  })
})

describe('expiresAfterSeconds', () => {
  it('goes by the most impatient', () => {
    expect(expiresAfterSeconds([need(undefined, 1, 600), need(['a'], 1, 60)])).toBe(60)
  })
})
