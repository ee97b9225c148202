import { describe, expect, it } from 'vitest'
import { askedScopes, candidatePolicies } from '../../../core/policy/candidates.ts'
import { audience, policyOf } from './policy-fixture.ts'

const other = 'https://other.example.com'
const policies = [
  policyOf({}, 'zebra'),
  policyOf({ audience: other }, 'middle'),
  policyOf({ scopes: ['image:push'] }, 'apple'),
  policyOf({ audience: other, scopes: ['repo:*:read'] }, 'glob'),
]

const nothing = { policy: undefined, audience: undefined, scopes: undefined, requestedExpirySeconds: undefined }

describe('candidatePolicies', () => {
  it.each([
    ['the named policy', { policy: 'middle' }, ['middle']],
    [
      'the named policy, even for another audience, so that the refusal can say so',
      { policy: 'middle', audience },
      ['middle'],
    ],
    ['nothing for a name that does not exist', { policy: 'mid' }, []],
    ['the policies of the audience, in name order', { audience }, ['apple', 'zebra']],
    ['nothing for an audience that no policy has', { audience: 'https://nobody.example.com' }, []],
    ['every policy where nothing is named', {}, ['apple', 'glob', 'middle', 'zebra']],
    ['those that cover the scopes', { audience, scopes: ['image:push'] }, ['apple']],
    ['those of the audience where none covers the scopes', { audience, scopes: ['x'] }, ['apple', 'zebra']],
    ['those whose globs cover the scopes', { scopes: ['repo:site:read'] }, ['glob']],
  ])('are %s', (_what, request, names) => {
    expect(candidatePolicies(policies, { ...nothing, ...request }).map((policy) => policy.name)).toEqual(names)
  })

  it('leave the list of policies as it is', () => {
    candidatePolicies(policies, nothing)

    expect(policies.map((policy) => policy.name)).toEqual(['zebra', 'middle', 'apple', 'glob'])
  })
})

describe('askedScopes', () => {
  it('are those of the request, even if the policy has others', () => {
    expect(askedScopes(policyOf(), { ...nothing, scopes: ['image:push'] })).toEqual(['image:push'])
  })

  it('are those of the policy where the request names none', () => {
    expect(askedScopes(policyOf({ scopes: ['a', 'b'] }), nothing)).toEqual(['a', 'b'])
  })

  it('are none where the request names none and the policy has a glob', () => {
    expect(askedScopes(policyOf({ scopes: ['a', 'b:*'] }), nothing)).toEqual([])
  })
})
