import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCanonicalJws } from '../../../broker/issuer/token-text.ts'

const part = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64url'))
const jws = fc.tuple(part, part, part).map((parts) => parts.join('.'))

describe('isCanonicalJws', () => {
  it('takes three base64url parts', () => {
    fc.assert(fc.property(jws, (text) => isCanonicalJws(text)))
  })

  it('refuses every other text that a decoder reads as the same bytes', () => {
    const bytes = (text: string) => text.split('.').map((each) => Buffer.from(each, 'base64url').toString('hex'))
    const edits = fc.tuple(jws, fc.nat(), fc.constantFrom('', '=', '\n', ' ', 'A', 'B', 'a', '-', '+', '/', '!'))

    fc.assert(
      fc.property(edits, ([text, position, character]) => {
        const at = position % (text.length + 1)
        const edited = text.slice(0, at) + character + text.slice(at + 1)
        const isTwin = edited !== text && bytes(edited).join('.') === bytes(text).join('.')
        return !isTwin || !isCanonicalJws(edited)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    '',
    'a',
    'a.b',
    'YQ.YQ',
    'YQ.YQ.YQ.YQ.YQ',
    '.YQ.YQ',
    'YQ..YQ',
    'YQ.YQ.',
    'YR.YQ.YQ',
    'YQ.YQ.YQ\n',
    'YQ.YQ.YQ==',
  ])('refuses %j', (text) => {
    expect(isCanonicalJws(text)).toBe(false)
  })

  it('refuses what is over 16 KiB', () => {
    const long = 'YWFh'.repeat(4096)

    expect(isCanonicalJws(`${long.slice(0, -8)}.YQ.YQ`)).toBe(true)
    expect(isCanonicalJws(`${long}.YQ.YQ`)).toBe(false)
  })
})
