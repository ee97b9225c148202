import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatInitiator, parseInitiator } from '../../../core/identity/initiator.ts'
import { anyText } from '../../any-text.ts'

describe('formatInitiator', () => {
  it.each([
    [{ username: 'alice@example.com', uid: 'u-1' }, '{"username":"alice@example.com","uid":"u-1"}'],
    [{ username: 'alice' }, '{"username":"alice","uid":""}'],
    [{ username: 'alice', uid: null }, '{"username":"alice","uid":""}'],
    [{ username: 'zoë', uid: '' }, '{"username":"zoë","uid":""}'],
    [{ username: 'https://idp.example.com#42' }, '{"username":"https://idp.example.com#42","uid":""}'],
  ])('writes %j in the one way that admission compares with', (user, text) => {
    expect(formatInitiator(user)).toBe(text)
  })

  it.each([
    ['a quotation mark', { username: 'a","uid":"b' }],
    ['a backslash', { username: 'a\\' }],
    ['a control character', { username: 'a\nb' }],
    ['half of a character', { username: '\ud800' }],
    ['a quotation mark in the uid', { username: 'a', uid: '"' }],
    ['no name', { username: '' }],
    ['an endless name', { username: 'a'.repeat(1025) }],
    ['an endless uid', { username: 'a', uid: 'a'.repeat(1025) }],
  ])('writes nothing for %s', (_, user) => {
    expect(formatInitiator(user)).toBeUndefined()
  })

  it('writes what reads as the same user, for any name, or nothing', () => {
    fc.assert(
      fc.property(anyText(), fc.string({ unit: 'grapheme' }), (username, uid) => {
        const text = formatInitiator({ username, uid })
        if (text === undefined) return
        expect(text).toBe(`{"username":"${username}","uid":"${uid}"}`)
        expect(parseInitiator(text)).toMatchObject({ username, uid: uid || undefined })
      }),
    )
  })
})

describe('parseInitiator', () => {
  it.each([
    ['{"username":"alice","uid":"u-1"}', { username: 'alice', uid: 'u-1', kind: 'person' }],
    ['{"username":"alice","uid":""}', { username: 'alice', uid: undefined, kind: 'person' }],
    [
      '{"username":"system:serviceaccount:ci:bot","uid":"u-2"}',
      { username: 'system:serviceaccount:ci:bot', uid: 'u-2', kind: 'serviceaccount' },
    ],
    ['{"username":"system:node:a","uid":""}', { username: 'system:node:a', uid: undefined, kind: 'serviceaccount' }],
  ])('reads %s', (text, initiator) => {
    expect(parseInitiator(text)).toEqual(initiator)
  })

  it.each([
    undefined,
    '',
    'alice',
    'null',
    '[]',
    '"alice"',
    '{"username":"alice"}',
    '{"username":"","uid":""}',
    '{"username":1,"uid":""}',
    '{"username":"alice","uid":null}',
    '{"username":"alice","uid":"","kind":"person"}',
    // What admission would compare with for a user of the name `alice","uid":"`.
    '{"username":"alice","uid":"","uid":""}',
    '{"uid":"","username":"alice"}',
    '{"username": "alice","uid":""}',
    '{"username":"\\u0061lice","uid":""}',
  ])('takes %j for no stamp', (text) => {
    expect(parseInitiator(text)).toBeUndefined()
  })
})
