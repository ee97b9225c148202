import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, formatProblems, parseConfig } from '../../../custom-task/sidecar/config.ts'
import { configFields } from '../../../custom-task/sidecar/config-fields.ts'

const broker = { url: 'https://tokenbroker.tokenbroker.svc' }
const steps = [{ policies: ['deploy-staging'] }]

function problemsOf(value: unknown): readonly string[] {
  try {
    parseConfig(value)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.key)
    throw error
  }
  return []
}

describe('parseConfig', () => {
  it('needs no more than the broker and a policy', () => {
    expect(parseConfig({ broker, steps })).toEqual({
      broker: { ...broker, tokenFile: '/var/run/secrets/tokenbroker/token' },
      listen: { address: '127.0.0.1', port: 8099 },
      health: { address: '', port: 8098 },
      steps: [
        {
          directory: '/tokenbroker',
          mountPath: '/tokenbroker',
          policies: [{ policy: 'deploy-staging', optional: false }],
        },
      ],
    })
  })

  it('takes a policy as a name, with an alias, and as an object', () => {
    const object = {
      policy: 'key',
      alias: 'k',
      audience: 'https://api',
      scope: ['a', 'b'],
      optional: true,
      as: ['git'],
    }
    const [step] = parseConfig({ broker, steps: [{ policies: ['deploy', 'api=push-image', object] }] }).steps

    expect(step?.policies).toEqual([
      { policy: 'deploy', optional: false },
      { alias: 'api', policy: 'push-image', optional: false },
      object,
    ])
  })

  it.each([
    ['127.0.0.1:8099', { address: '127.0.0.1', port: 8099 }],
    ['[::1]:0', { address: '::1', port: 0 }],
    ['127.9.9.9:1', { address: '127.9.9.9', port: 1 }],
  ])('listens on %s', (listen, expected) => {
    expect(parseConfig({ broker, steps, listen }).listen).toEqual(expected)
  })

  it.each([
    '0.0.0.0:8099',
    ':8099',
    '10.0.0.1:8099',
    '[::]:8099',
    'localhost:8099',
    '127.0.0.1',
    '127.0.0.1:65536',
    8099,
  ])('does not listen on %s', (listen) => {
    expect(problemsOf({ broker, steps, listen })).toEqual(['listen'])
  })

  it.each([
    'http://broker',
    'https://broker?x',
    'https://broker/#x',
    'https://me:secret@broker',
    'broker',
    'ftp://127.0.0.1',
    '',
    7,
  ])('does not take %s for the URL of a broker', (url) => {
    expect(problemsOf({ broker: { url }, steps })).toEqual(['broker.url'])
  })

  it.each([
    ['no policies', [{ policies: [] }], 'steps[0].policies'],
    ['one name twice', [{ policies: ['a', 'b=x', 'x=b', 'x=c'] }], 'steps[0].policies'],
    ['a name of ours', [{ policies: ['key'] }], 'steps[0].policies[0]'],
    ['an alias of ours', [{ policies: ['sidecar.sock=a'] }], 'steps[0].policies[0].alias'],
    ['a path as a name', [{ policies: ['../../etc'] }], 'steps[0].policies[0].policy'],
    ['dots as a name', [{ policies: ['..'] }], 'steps[0].policies[0].policy'],
    ['an empty alias', [{ policies: ['=a'] }], 'steps[0].policies[0].alias'],
    ['a scope with a space', [{ policies: [{ policy: 'a', scope: ['b c'] }] }], 'steps[0].policies[0].scope[0]'],
    ['a form that nobody knows', [{ policies: [{ policy: 'a', as: ['svn'] }] }], 'steps[0].policies[0].as[0]'],
    ['a form for no audience', [{ policies: [{ policy: 'a', as: ['git'] }] }], 'steps[0].policies[0].audience'],
    ['a form twice', [{ policies: [{ policy: 'a', audience: 'b', as: ['git', 'git'] }] }], 'steps[0].policies[0].as'],
    ['a directory that is no path', [{ directory: 'tokens', policies: ['a'] }], 'steps[0].directory'],
    ['a directory with ..', [{ directory: '/a/../b', policies: ['a'] }], 'steps[0].directory'],
    ['a directory too long for a socket', [{ directory: `/${'a'.repeat(94)}`, policies: ['a'] }], 'steps[0].directory'],
    ['one directory twice', [{ policies: ['a'] }, { policies: ['b'] }], 'steps'],
    ['no steps', [], 'steps'],
  ])('refuses %s', (_, wrong, key) => {
    expect(problemsOf({ broker, steps: wrong })).toEqual([key])
  })

  it('says everything that is wrong at once, with key, expectation and example, and no value', () => {
    const wrong = {
      broker: { url: 'http://secret-host', ca: 'secret-ca', caFile: '/ca', tokenfile: '/secret' },
      lisen: 'secret',
      health: 'secret',
      steps: [{ policies: ['Secret', { policy: 'a', optional: 'secret' }] }],
    }
    let text = ''
    try {
      parseConfig(wrong)
    } catch (error) {
      text = error instanceof ConfigError ? formatProblems(error.problems) : ''
    }

    for (const key of [
      'broker.url',
      'broker.ca',
      'broker.tokenfile',
      'lisen',
      'health',
      'steps[0].policies[0].policy',
      'steps[0].policies[1].optional',
    ]) {
      expect(text).toContain(`  ${key}: expected `)
    }
    expect(text).toContain('one of broker, listen, health, volume, messageFile, steps')
    expect(text.match(/; example: \S/g)).toHaveLength(text.trimEnd().split('\n').length)
    expect(text).not.toMatch(/secret/i)
  })

  it.each([null, undefined, 'text', [], 7])('refuses %j as a whole', (value) => {
    expect(problemsOf(value)).toEqual(['(the whole)'])
  })
})

describe('configFields', () => {
  it('is what the guide says', async () => {
    const guide = await readFile(join(import.meta.dirname, '../../../docs/guides/sidecar.md'), 'utf8')
    const rows = Object.entries(configFields).map(([key, field]) => {
      const fallback = 'fallback' in field ? field.fallback : 'required'
      return `| \`${key}\` | ${field.meaning} Takes ${field.expectation}. | ${fallback} |`
    })

    expect(guide).toContain(rows.join('\n'))
  })
})
