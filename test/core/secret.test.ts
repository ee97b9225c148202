import { format, inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createLog } from '../../core/io/log.ts'
import { Problem } from '../../core/problem.ts'
import { Secret } from '../../core/secret.ts'

const text = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl'

/** What a log line would hold; the pino of the product, writing into memory. */
function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  const lines: string[] = []
  write(createLog({ name: 'test', level: 'debug', destination: { write: (line: string) => void lines.push(line) } }))
  return lines.join('')
}

const secret = new Secret(text)

/** Every way that a value of unknown kind is usually turned into text. */
const prints: Readonly<Record<string, () => string>> = {
  'a template': () => `${secret}`,
  'string concatenation': () => `${''}${secret}`.concat(String(secret)),
  'String()': () => String(secret),
  'toString()': () => secret.toString(),
  'toLocaleString()': () => secret.toLocaleString(),
  'Array.join': () => [secret, secret].join(','),
  'JSON.stringify': () => JSON.stringify(secret),
  'JSON.stringify of a member': () => JSON.stringify({ deep: [{ token: secret }] }),
  'JSON.stringify with a replacer': () => JSON.stringify({ secret }, (_key, value: unknown) => value),
  'util.inspect': () => inspect(secret),
  'util.inspect with hidden members': () => inspect(secret, { showHidden: true, depth: null, getters: true }),
  'util.inspect without custom inspection': () =>
    inspect({ secret }, { customInspect: false, showHidden: true, depth: null, getters: true }),
  'util.inspect of a holder': () => inspect({ a: { b: [secret] } }, { depth: null, showHidden: true }),
  'util.inspect of a Map': () => inspect(new Map([['token', secret]]), { depth: null }),
  'util.inspect of a Set': () => inspect(new Set([secret]), { depth: null }),
  'util.inspect of a class that holds it': () =>
    inspect(
      new (class Holder {
        readonly token = secret
      })(),
      { depth: null },
    ),
  'util.inspect of an error with it as cause': () => inspect(new Error('x', { cause: secret }), { depth: null }),
  'util.inspect of a Problem with it as cause': () =>
    inspect(new Problem('internal_error', { cause: secret }), { depth: null }),
  'format %s': () => format('%s', secret),
  'format %j': () => format('%j', secret),
  'format %o': () => format('%o', secret),
  'format %O': () => format('%O', { secret }),
  'format without a directive': () => format('token', secret),
  URLSearchParams: () => new URLSearchParams({ token: String(secret) }).toString(),
  'URLSearchParams from entries': () => new URLSearchParams(Object.entries({ token: secret }) as never).toString(),
  structuredClone: () => inspect(structuredClone(secret), { showHidden: true, depth: null, customInspect: false }),
  spread: () => inspect({ ...secret }, { showHidden: true }),
  'Object.entries': () =>
    inspect([Object.entries(secret), Object.getOwnPropertyNames(secret), Reflect.ownKeys(secret)]),
  'Map entries': () => inspect([...new Map([[secret, secret]]).entries()], { depth: null }),
  'an error message': () => new Error(`refused ${secret}`).message,
  encodeURIComponent: () => encodeURIComponent(String(secret)),
  'Buffer.from': () => Buffer.from(String(secret)).toString(),
  'Object.prototype.toString': () => Object.prototype.toString.call(secret),
  'pino: the value itself': () => logged((log) => log.info(secret, 'x')),
  'pino: a field': () => logged((log) => log.info({ subject: secret }, 'x')),
  'pino: a nested field': () => logged((log) => log.info({ a: { b: { c: [secret] } } }, 'x')),
  'pino: %s of a message': () => logged((log) => log.info('got %s', secret)),
  'pino: %o of a message': () => logged((log) => log.info('got %o %j', secret, { secret })),
  'pino: bindings of a child': () => logged((log) => log.child({ subject: secret }).info('x')),
  'pino: an error with a cause': () =>
    logged((log) =>
      log.error({ err: new Error('refused', { cause: new Problem('internal_error', { cause: secret }) }) }, 'x'),
    ),
  'pino: an error with a member': () =>
    logged((log) => log.error({ err: Object.assign(new Error('refused'), { request: { token: secret } }) }, 'x')),
  'pino: an error as the object': () => logged((log) => log.error(Object.assign(new Error('refused'), { secret }))),
}

describe('Secret', () => {
  it.each(Object.entries(prints))('does not show itself through %s', (_name, print) => {
    const printed = print()

    expect(printed).not.toContain(text)
    for (const part of text.split('.')) expect(printed).not.toContain(part)
  })

  it('prints as [secret] where people look', () => {
    expect([`${secret}`, JSON.stringify({ secret }), inspect(secret), format('%s', secret)]).toEqual([
      '[secret]',
      '{"secret":"[secret]"}',
      '[secret]',
      '[secret]',
    ])
  })

  it('gives its text by reveal alone', () => {
    expect(secret.reveal()).toBe(text)
  })

  it('tells its length', () => {
    expect(secret.length).toBe(text.length)
    expect(new Secret('').length).toBe(0)
  })
})
