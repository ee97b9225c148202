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

    expect(keys.toSorted()).toEqual(['issuer', 'listener', 'listener.mode', 'listener.port', 'names.1'])
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
