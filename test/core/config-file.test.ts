import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { explainConfigIssues, parseConfig } from '../../core/config-file.ts'

const schema = z.strictObject({
  issuer: z.url(),
  listener: z.strictObject({ port: z.int().min(0).max(65_535), mode: z.enum(['a', 'b']).default('a') }),
  names: z.array(z.string().regex(/^[a-z]+$/)).max(3),
})

const works = { issuer: 'https://broker.example.com', listener: { port: 1 }, names: ['a'] }

function issuesOf(document: unknown) {
  const parsed = parseConfig(schema, document)
  return parsed.ok ? [] : parsed.issues
}

describe('parseConfig', () => {
  it('gives the values with their defaults', () => {
    expect(parseConfig(schema, works)).toEqual({
      ok: true,
      value: { ...works, listener: { port: 1, mode: 'a' } },
    })
  })

  it('names every key that is wrong at once', () => {
    const keys = issuesOf({ issuer: 7, listener: { port: -1, mode: 'c', tsl: {} }, names: ['a', 'B'] }).map(
      (i) => i.key,
    )

    expect(keys.toSorted()).toEqual(['issuer', 'listener.mode', 'listener.port', 'listener.tsl', 'names.1'])
  })

  it.each<[string, object, string]>([
    ['a key that is missing', { listener: { port: undefined } }, 'listener.port: missing, expected a number'],
    ['another type', { issuer: 7 }, 'issuer: expected text'],
    ['a list for an object', { listener: [] }, 'listener: expected an object'],
    ['a text for a list', { names: 'a' }, 'names: expected a list'],
    ['text that is no URL', { issuer: 'broker' }, 'issuer: expected a URL'],
    ['text of another form', { names: ['A'] }, 'names.0: expected text of the form /^[a-z]+$/'],
    ['a number that is too small', { listener: { port: -1 } }, 'listener.port: expected at least 0'],
    ['a number that is too great', { listener: { port: 65_536 } }, 'listener.port: expected at most 65535'],
    ['too many entries', { names: ['a', 'b', 'c', 'd'] }, 'names: expected at most 3 entries'],
    ['a word that is not listed', { listener: { port: 1, mode: 'c' } }, 'listener.mode: expected a or b'],
    ['a key with a typing error', { isuer: 'x' }, 'isuer: no such key; did you mean issuer?'],
    ['a key in another spelling', { Listener: 'x' }, 'Listener: no such key; did you mean listener?'],
    [
      'a key like none',
      { listener: { port: 1, certificate: 1 } },
      'listener.certificate: no such key; known are port, mode',
    ],
    ['a key that may be a token', { ghs_0123456789: 1 }, '(a key): no such key; known are issuer, listener, names'],
  ])('says what to change for %s', (_what, changes, line) => {
    const lines = issuesOf({ ...works, ...changes }).map(({ key, expectation }) => `${key}: ${expectation}`)

    expect(lines).toEqual([line])
  })

  it.each([[undefined], [null]])('takes an empty file (%s) as one without keys', (document) => {
    expect(
      issuesOf(document)
        .map((issue) => issue.key)
        .toSorted(),
    ).toEqual(['issuer', 'listener', 'names'])
  })

  it.each([['text'], [7], [[]], [true]])('speaks of the whole file when it is %j', (document) => {
    expect(issuesOf(document).map((issue) => issue.key)).toEqual(['(whole file)'])
  })

  it('never repeats a value, since a credential may stand in the wrong place', () => {
    const credential = 'ghs_0123456789abcdefghij'
    const wrong = fc.oneof(
      fc.constant(credential),
      fc.constant([credential]),
      fc.constant({ deep: { deeper: credential } }),
      fc.constant([[credential], { a: credential }]),
    )
    const documents = fc.oneof(
      wrong,
      fc.record({ issuer: wrong, listener: wrong, names: wrong, other: wrong }),
      fc.record({ issuer: wrong, listener: fc.record({ port: wrong, mode: wrong }), names: fc.array(wrong) }),
    )

    fc.assert(
      fc.property(documents, (document) => {
        const issues = issuesOf(document)
        expect(issues.length).toBeGreaterThan(0)
        expect(explainConfigIssues('broker.yaml', issues, 'a: 1')).not.toContain(credential)
      }),
    )
  })
})

describe('explainConfigIssues', () => {
  it('puts one problem on a line, and a file that works below', () => {
    const issues = [
      { key: 'issuer', expectation: 'expected a URL' },
      { key: 'listener.port', expectation: 'too small' },
    ]

    expect(explainConfigIssues('broker.yaml', issues, '\nissuer: https://a.example.com\nnames: []\n')).toBe(
      [
        'broker.yaml cannot be used:',
        '  issuer: expected a URL',
        '  listener.port: too small',
        'A file that works:',
        '  issuer: https://a.example.com',
        '  names: []',
      ].join('\n'),
    )
  })
})
