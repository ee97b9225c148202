import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withoutCredentials } from '../../../core/io/log-redaction.ts'
import { Secret } from '../../../core/secret.ts'

const credential = 'eyJhbGciOiJSUzI1NiJ9.e30.c2ln'

describe('withoutCredentials', () => {
  it.each([
    ['a field', { token: credential }, { token: '[redacted]' }],
    ['a field of a field', { form: { assertion: credential } }, { form: { assertion: '[redacted]' } }],
    ['two levels down', { a: { b: { cookie: credential } } }, { a: { b: { cookie: '[redacted]' } } }],
    ['an object in a list', { list: [1, { password: credential }] }, { list: [1, { password: '[redacted]' }] }],
    ['a credential that is an object', { token: { text: credential } }, { token: '[redacted]' }],
    ['a credential beside others', { n: 0, token: '', b: null }, { n: 0, token: '[redacted]', b: null }],
  ])('takes out %s', (_, fields, expected) => {
    expect(withoutCredentials(fields)).toEqual(expected)
  })

  it('leaves the object that was given as it is', () => {
    const fields = { request: { headers: { authorization: credential } } }

    withoutCredentials(fields)

    expect(fields).toEqual({ request: { headers: { authorization: credential } } })
  })

  it('gives back the same object where there is nothing to take out', () => {
    const fields = { exchange_id: 'e1', scope: ['a'], when: new Date(0), secret: new Secret('x'), none: undefined }

    expect(withoutCredentials(fields)).toBe(fields)
  })

  it('keeps what a serialiser is going to replace', () => {
    const err = Object.assign(new Error('no'), { token: credential })

    expect(withoutCredentials({ err }, (name) => name === 'err')['err']).toBe(err)
  })

  it('ends with an object that leads back to itself', () => {
    const round: Record<string, unknown> = { token: credential }
    round['self'] = round

    expect(withoutCredentials(round)['token']).toBe('[redacted]')
  })

  it('shows no credential two levels deep, whatever is around it', () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.boolean())
    const name = fc.oneof(fc.string(), fc.constantFrom('token', 'password', 'set-cookie'))
    const inner = fc.dictionary(name, leaf)
    const fields = fc.dictionary(name, fc.oneof(leaf, inner, fc.dictionary(name, inner)))

    fc.assert(
      fc.property(fields, (all) => {
        const shown = JSON.parse(JSON.stringify(withoutCredentials(all)), (key, value: unknown) =>
          ['token', 'password', 'set-cookie'].includes(key) && value !== '[redacted]' ? fail(key) : value,
        )
        expect(Object.keys(shown)).toEqual(Object.keys(JSON.parse(JSON.stringify(all))))
      }),
    )
  })
})

function fail(key: string): never {
  throw new Error(`${key} is shown`)
}
