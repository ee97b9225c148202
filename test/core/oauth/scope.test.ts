import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseScope } from '../../../core/oauth/scope.ts'
import { b64tokenPattern } from '../../../core/oauth/vocabulary.ts'
import { reasonOf } from '../reason-of.ts'

const scopeToken = fc.stringMatching(/^[\x21\x23-\x5b\x5d-\x7e]{1,20}$/)

describe('parseScope', () => {
  it.each([
    ['deploy:staging', ['deploy:staging']],
    ['b a', ['a', 'b']],
    ['a A', ['A', 'a']],
    ['https://api.example.com/x.readonly', ['https://api.example.com/x.readonly']],
    ["!#$%&'()*+,-./:;<=>?@[]^_`{|}~", ["!#$%&'()*+,-./:;<=>?@[]^_`{|}~"]],
    ['x'.repeat(128), ['x'.repeat(128)]],
  ])('reads %j', (text, scopes) => {
    expect(parseScope(text)).toEqual(scopes)
  })

  it.each([
    ['', 'nothing'],
    [' ', 'nothing'],
    [' a', 'a leading space'],
    ['a ', 'a trailing space'],
    ['a  b', 'two spaces'],
    ['a\tb', 'a tab'],
    ['a\nb', 'a line break'],
    ['a,"b"', 'a quote'],
    ['a\\b', 'a backslash'],
    ['é', 'a character beyond ASCII'],
    ['a\u00a0b', 'a no-break space'],
    ['a\u007f', 'DEL'],
    ['a b a', 'a repeated scope'],
    ['x'.repeat(129), 'an over-long scope'],
    [Array.from({ length: 65 }, (_, i) => `s${i}`).join(' '), 'too many scopes'],
  ])('refuses %j: %s', (text) => {
    expect(reasonOf(() => parseScope(text))).toBe('scope_malformed')
  })

  it('takes up to 64 scopes', () => {
    expect(parseScope(Array.from({ length: 64 }, (_, i) => `s${i}`).join(' '))).toHaveLength(64)
  })

  it('yields what was asked, sorted, nothing lost and nothing added', () => {
    fc.assert(
      fc.property(fc.uniqueArray(scopeToken, { minLength: 1, maxLength: 20 }), (scopes) => {
        expect(parseScope(scopes.join(' '))).toEqual(scopes.toSorted())
      }),
    )
  })
})

describe('b64tokenPattern', () => {
  it.each(['a', 'eyJ.eyJ.c2ln', 'a-._~+/9==', '='.padStart(2, 'a')])('knows %j', (text) => {
    expect(b64tokenPattern.test(text)).toBe(true)
  })

  it.each(['', '=', 'a=b', 'a b', 'a\n', 'a\r\nX: y', 'é', 'a"'])('refuses %j', (text) => {
    expect(b64tokenPattern.test(text)).toBe(false)
  })
})
