import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchesScope } from '../../../core/policy/scope-pattern.ts'

const segment = fc.stringMatching(/^[a-z.-]{1,4}$/)

describe('matchesScope', () => {
  it.each([
    ['deploy:staging', 'deploy:staging', true],
    ['deploy:staging', 'deploy:staging2', false],
    ['deploy:*', 'deploy:staging', true],
    ['deploy:*', 'deploy:', false],
    ['deploy:*', 'deploy', false],
    ['deploy:*', 'deploy:staging:eu', false],
    ['deploy:*', 'deploy/staging', false],
    ['repo:*/*:read', 'repo:acme/site:read', true],
    ['repo:*/*:read', 'repo:acme:site:read', false],
    ['*', 'openid', true],
    ['*', 'a:b', false],
    ['deploy:*', 'deploy:*', false],
  ])('says of %s and %s: %s', (pattern, scope, expected) => {
    expect(matchesScope(pattern, scope)).toBe(expected)
  })

  it('takes any one segment for a star, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.nat(3), segment, (parts, at, other) => {
        const index = at % parts.length
        const pattern = parts.with(index, '*').join(':')

        expect(matchesScope(pattern, parts.with(index, other).join(':'))).toBe(true)
        expect(matchesScope(pattern, [...parts, other].join(':'))).toBe(false)
      }),
    )
  })
})
