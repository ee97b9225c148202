import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TokenApprovalSpec } from '../../../core/crd/token-approval.ts'
import { type ApprovalState, describeRequirements, judgeDecisions } from '../../../core/policy/approval-decisions.ts'

type Decision = TokenApprovalSpec['decisions'][number]
type Requirement = TokenApprovalSpec['requirements'][number]

const request = { initiator: { username: 'alice' } } as TokenApprovalSpec['request']
const yes = (by: string, groups?: string[]): Decision => ({ by, verdict: 'Approved', ...(groups && { groups }) })
const no = (by: string): Decision => ({ by, verdict: 'Rejected' })
const judge = (requirements: Requirement[], decisions: Decision[]) =>
  judgeDecisions({ request, requirements, decisions })

const managers: Requirement = { groups: ['managers'], required: 1 }
const security: Requirement = { groups: ['security'], required: 1 }
const two: Requirement = { required: 2 }

describe('judgeDecisions', () => {
  it.each<[string, Requirement[], Decision[], ApprovalState]>([
    ['nobody', [managers], [], { kind: 'open', missing: [managers] }],
    ['one person', [managers], [yes('bob')], { kind: 'approved', by: ['bob'] }],
    ['one of two', [two], [yes('bob')], { kind: 'open', missing: [{ required: 1 }] }],
    ['two of two', [two], [yes('carol'), yes('bob')], { kind: 'approved', by: ['bob', 'carol'] }],
    ['one person twice', [two], [yes('bob'), yes('bob')], { kind: 'open', missing: [{ required: 1 }] }],
    ['the initiator', [managers], [yes('alice')], { kind: 'open', missing: [managers] }],
    ['a ServiceAccount', [managers], [yes('system:serviceaccount:a:b')], { kind: 'open', missing: [managers] }],
    ['a node', [managers], [yes('system:node:n1')], { kind: 'open', missing: [managers] }],
    ['a no', [managers], [no('bob')], { kind: 'rejected', by: 'bob' }],
    ['a no among enough who say yes', [two], [yes('bob'), yes('carol'), no('dave')], { kind: 'rejected', by: 'dave' }],
    ["the initiator's no", [managers], [no('alice')], { kind: 'open', missing: [managers] }],
    ['one who is held in the groups of all', [managers, security], [yes('bob')], { kind: 'approved', by: ['bob'] }],
    ['one of one group', [managers, security], [yes('bob', ['managers'])], { kind: 'open', missing: [security] }],
    [
      'one of each',
      [managers, security],
      [yes('bob', ['managers']), yes('carol', ['security'])],
      { kind: 'approved', by: ['bob', 'carol'] },
    ],
    ['one of another group', [managers], [yes('bob', ['interns'])], { kind: 'open', missing: [managers] }],
    ['who says to be in no group', [managers], [yes('bob', [])], { kind: 'open', missing: [managers] }],
    ['somebody where nobody was asked', [], [yes('bob')], { kind: 'open', missing: [] }],
  ])('hears %s', (_, requirements, decisions, expected) => {
    expect(judge(requirements, decisions)).toEqual(expected)
  })

  it('is never brought to a yes by what was taken away', () => {
    const names = fc.constantFrom('alice', 'bob', 'carol', 'dave', 'system:serviceaccount:a:b')
    const groups = fc.option(fc.subarray(['managers', 'security']), { nil: undefined })
    const decision = fc.tuple(names, groups).map(([by, of]) => yes(by, of))
    const requirements = fc.subarray([managers, security, two], { minLength: 1 })
    fc.assert(
      fc.property(requirements, fc.array(decision, { minLength: 1, maxLength: 6 }), (asked, all) => {
        const isApproved = judge(asked, all).kind === 'approved'
        expect(isApproved || judge(asked, all.slice(1)).kind !== 'approved').toBe(true)
        expect(judge(asked, all.toReversed())).toEqual(judge(asked, all))
      }),
    )
  })
})

describe('describeRequirements', () => {
  it('says how many of whom', () => {
    expect(describeRequirements([{ groups: ['a', 'b'], required: 2 }, { required: 1 }])).toBe(
      '2 people of a or b and 1 person',
    )
  })
})
