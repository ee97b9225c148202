import { describe, expect, it } from 'vitest'
import { unsafeEnvironment } from '../../broker/unsafe-environment.ts'

function found(env: Readonly<Record<string, string>>, execArgv: readonly string[] = []): string {
  return unsafeEnvironment({ env, execArgv }).join('\n')
}

describe('unsafeEnvironment', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['nothing', {}],
    ['certificate checks that are on', { NODE_TLS_REJECT_UNAUTHORIZED: '1' }],
    ['options that take nothing away', { NODE_OPTIONS: '--max-old-space-size=256 --require ./otel.js --tls-min-v1.3' }],
    ['a path that only looks like an option', { NODE_OPTIONS: '--require ./--inspect.js' }],
    ['empty variables', { NODE_DEBUG: '', DEBUG: '', NODE_OPTIONS: '' }],
    ['an authority of one’s own', { NODE_EXTRA_CA_CERTS: '/etc/ca.pem' }],
  ])('has nothing to say against %s', (_what, env) => {
    expect(found(env, ['--max-old-space-size=256', '--enable-source-maps'])).toBe('')
  })

  it.each([
    ['--inspect'],
    ['--inspect=0.0.0.0:9229'],
    ['--inspect-brk'],
    ['--insecure-http-parser'],
    ['--insecure_http_parser'],
    ['--tls-min-v1.0'],
    ['--tls-min-v1.1'],
    ['--tls-keylog=/tmp/keys'],
    ['--trace-tls'],
    ['--heapsnapshot-signal=SIGUSR2'],
  ])('refuses %s, by variable and on the command line', (option) => {
    expect(found({ NODE_OPTIONS: `--max-old-space-size=256 "${option}"` })).toMatch(
      /^NODE_OPTIONS .*take that option out$/,
    )
    expect(found({}, [option])).toMatch(/^An option of node .*take that option out$/)
  })

  it.each([
    [{ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, 'configure a CA'],
    [{ NODE_DEBUG: 'undici' }, 'NODE_DEBUG prints requests with their credentials: unset it'],
    [{ NODE_DEBUG_NATIVE: 'http2' }, 'NODE_DEBUG_NATIVE prints'],
    [{ DEBUG: '*' }, 'DEBUG prints'],
  ])('refuses %j with the mend', (env, mend) => {
    expect(found(env)).toContain(mend)
  })

  it('says all that is wrong at once, and no value', () => {
    const lines = found({ NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_OPTIONS: '--inspect=hunter2', DEBUG: 'hunter2' })

    expect(lines.split('\n')).toHaveLength(3)
    expect(lines).not.toContain('hunter2')
  })
})
