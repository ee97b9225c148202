import { describe, expect, it } from 'vitest'
import { createLog } from '../../../core/io/log.ts'
import { Problem } from '../../../core/problem.ts'
import { Secret } from '../../../core/secret.ts'

const credential = 'eyJhbGciOiJSUzI1NiJ9.e30.c2ln'

function capture(level?: 'debug' | 'warn') {
  const lines: string[] = []
  const log = createLog({
    name: 'broker',
    ...(level ? { level } : {}),
    destination: { write: (line) => void lines.push(line) },
  })
  const last = (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? '{}')
  return { log, lines, last }
}

describe('createLog', () => {
  it('writes one JSON object per line with level, time, name, fields and message', () => {
    const { log, lines, last } = capture()

    log.info({ exchange_id: 'e1' }, 'exchange granted')

    expect(lines).toHaveLength(1)
    expect(last()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      name: 'broker',
      exchange_id: 'e1',
      msg: 'exchange granted',
    })
  })

  it('writes nothing below its level', () => {
    const { log, lines } = capture('warn')

    log.info('quiet')
    log.warn('loud')

    expect(lines).toHaveLength(1)
  })

  it.each([
    ['field', { token: credential }],
    ['nested field', { request: { headers: { authorization: credential } } }],
    ['form', { form: { subject_token: credential, client_assertion: credential, client_secret: credential } }],
    ['answer', { access_token: credential, id_token: credential, refresh_token: credential }],
    ['Secret', { anything: new Secret(credential), list: [new Secret(credential)] }],
    ['error with foreign fields', { err: Object.assign(new Error('no'), { request: { body: credential } }) }],
    ['error in another field', { error: Object.assign(new Error('no'), { headers: [credential] }) }],
    ['cause with foreign fields', { err: new Error('no', { cause: Object.assign(new Error(), { x: credential }) }) }],
  ])('shows no credential in a %s', (_, fields) => {
    const { log, lines } = capture()

    log.info(fields, 'something happened')
    log.child(fields).info('something happened')

    expect(lines).toHaveLength(2)
    expect(lines.join('')).not.toContain(credential)
  })

  it('prints reason, detail and the chain of causes of an error', () => {
    const { log, last } = capture()
    const cause = Object.assign(new TypeError('inner'), { code: 'ECONNRESET' })

    log.error({ err: new Problem('kubernetes_unavailable', { detail: 'TokenReview', cause }) }, 'exchange failed')

    expect(last()['err']).toEqual({
      name: 'Problem',
      message: 'kubernetes_unavailable',
      reason: 'kubernetes_unavailable',
      detail: 'TokenReview',
      stack: expect.stringContaining('log.test'),
      cause: { name: 'TypeError', message: 'inner', code: 'ECONNRESET' },
    })
  })

  it('leaves an error code in the field error as it is', () => {
    const { log, last } = capture()

    log.info({ error: 'invalid_request' }, 'refused')

    expect(last()['error']).toBe('invalid_request')
  })

  it('ends with a cause that leads back to itself', () => {
    const { log, lines } = capture()
    const error = new Error('round')
    error.cause = error

    log.error({ err: error }, 'failed')

    expect(lines).toHaveLength(1)
  })

  it('names a thrown value that is no error by its type alone', () => {
    const { log, last } = capture()

    log.error({ err: credential }, 'failed')

    expect(last()['err']).toEqual({ name: 'string' })
  })
})
