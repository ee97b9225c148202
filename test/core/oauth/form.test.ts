import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formLimits, parseForm } from '../../../core/oauth/form.ts'
import { anyText } from '../../any-text.ts'
import { problemOf, reasonOf } from '../reason-of.ts'

const seventeen = Array.from({ length: 17 }, (_, i) => `p${i}=1`).join('&')
const sixteen = Array.from({ length: 16 }, (_, i) => `p${i}=1`).join('&')

describe('parseForm', () => {
  it.each([
    ['', {}],
    ['a=b', { a: 'b' }],
    ['a=b&c=d', { a: 'b', c: 'd' }],
    ['a=b+c', { a: 'b c' }],
    ['a=b%20c', { a: 'b c' }],
    ['a=b%2Bc', { a: 'b+c' }],
    ['a=b=c', { a: 'b=c' }],
    ['a%5Bb%5D=c', { 'a[b]': 'c' }],
    ['a[b]=c', { 'a[b]': 'c' }],
    ['a=%C3%A9', { a: 'é' }],
    ['a=é', { a: 'é' }],
    ['a=%F0%9F%98%80', { a: '😀' }],
    ['a=%25', { a: '%' }],
    ['a=%26%3D', { a: '&=' }],
    ['__proto__=x&constructor=y', { ['__proto__']: 'x', constructor: 'y' }],
    ['A=1&a=2', { A: '1', a: '2' }],
  ])('reads %j', (body, expected) => {
    expect(parseForm(body)).toEqual(new Map(Object.entries(expected)))
  })

  it.each([
    ['a', 'no value'],
    ['=b', 'no name'],
    ['=', 'neither'],
    ['a=', 'an empty value'],
    ['a=b&', 'a trailing separator'],
    ['&a=b', 'a leading separator'],
    ['a=b&&c=d', 'a doubled separator'],
    ['a=1&a=1', 'a repeated parameter'],
    ['a=1&b=2&a=3', 'a repeated parameter'],
    ['a=1&%61=2', 'a parameter repeated in another spelling'],
    ['a=%', 'broken percent-encoding'],
    ['a=%4', 'broken percent-encoding'],
    ['a=%zz', 'broken percent-encoding'],
    ['a=%u0041', 'percent-encoding of another kind'],
    ['%=a', 'broken percent-encoding in a name'],
    ['a=%FF', 'bytes that are not UTF-8'],
    ['a=%C3', 'a cut-off UTF-8 sequence'],
    ['a=%C0%80', 'an overlong UTF-8 sequence'],
    ['a=%ED%A0%80', 'a surrogate in UTF-8'],
    ['a=\ud800', 'a lone surrogate'],
    ['a=\udc00b', 'a lone surrogate'],
    ['\ud800=b', 'a lone surrogate in a name'],
    ['a=%00', 'NUL'],
    ['a=\u0000', 'NUL, unencoded'],
    ['a=b%0D%0Ac', 'a line break'],
    ['a=b\nc', 'a line break, unencoded'],
    ['a=b%09', 'a tab'],
    ['a=%7F', 'DEL'],
    ['a%0A=b', 'a line break in a name'],
  ])('refuses %j as malformed: %s', (body) => {
    expect(reasonOf(() => parseForm(body))).toBe('malformed_request')
  })

  it('takes as many parameters as the limit, and none more', () => {
    expect(parseForm(sixteen).size).toBe(formLimits.parameters)
    expect(reasonOf(() => parseForm(seventeen))).toBe('request_too_large')
  })

  it('looks no further than the limit', () => {
    expect(reasonOf(() => parseForm(`${sixteen}&${'&'.repeat(30_000)}`))).toBe('request_too_large')
  })

  it.each([
    ['a name', `${'n'.repeat(formLimits.nameLength)}=1`, `${'n'.repeat(formLimits.nameLength + 1)}=1`],
    ['a value', `a=${'v'.repeat(formLimits.valueLength)}`, `a=${'v'.repeat(formLimits.valueLength + 1)}`],
  ])('takes %s as long as the limit, and none longer', (_what, fits, tooLong) => {
    expect(parseForm(fits).size).toBe(1)
    expect(reasonOf(() => parseForm(tooLong))).toBe('request_too_large')
  })

  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter(isClean)
  const value = anyText({ minLength: 1, maxLength: 40 }).filter(isClean)
  const pairs = fc.uniqueArray(fc.tuple(name, value), { maxLength: 16, selector: ([key]) => key })

  it('reads back what URLSearchParams writes', () => {
    fc.assert(
      fc.property(pairs, (entries) => {
        expect(parseForm(new URLSearchParams(entries).toString())).toEqual(new Map(entries))
      }),
    )
  })

  it('reads back what encodeURIComponent writes', () => {
    fc.assert(
      fc.property(pairs, (entries) => {
        const body = entries.map(([key, text]) => `${encodeURIComponent(key)}=${encodeURIComponent(text)}`).join('&')
        expect(parseForm(body)).toEqual(new Map(entries))
      }),
    )
  })

  it('either refuses a body or reads the same as URLSearchParams, whatever is in it', () => {
    const bodies = fc.oneof(
      anyText({ maxLength: 60 }),
      fc.stringMatching(/^[ab=&%+0-9A-F ]{0,40}$/),
      fc
        .array(fc.constantFrom('a', 'b', '=', '&', '%41', '%', '+', '%00', 'é', ';'), { maxLength: 20 })
        .map((p) => p.join('')),
    )

    fc.assert(
      fc.property(bodies, (body) => {
        const reason = reasonOf(() => parseForm(body))
        if (reason === undefined) expect([...parseForm(body)]).toEqual([...new URLSearchParams(body)])
        else expect(['malformed_request', 'request_too_large']).toContain(reason)
      }),
      { numRuns: 500 },
    )
  })

  it('says nothing of a value in its refusals', () => {
    const marker = 'eyJhbGciOiJSUzI1NiJ9'
    const bodies = [
      `a=${marker}%`,
      `a=${marker}&a=${marker}`,
      `${marker}`,
      `a=${marker}%00`,
      `a=${marker.repeat(1000)}`,
    ]

    for (const body of bodies) {
      const problem = problemOf(() => parseForm(body))
      expect(JSON.stringify([problem.message, problem.detail, problem.mend, String(problem.cause)])).not.toContain(
        marker,
      )
    }
  })
})

function isClean(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what a form may not have
  return text.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(text)
}
