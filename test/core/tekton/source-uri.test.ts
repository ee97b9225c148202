import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostOfUri, normalSourceUri } from '../../../core/tekton/source-uri.ts'

describe('normalSourceUri', () => {
  it.each([
    'git+https://github.com/acme/pipelines',
    'git+https://github.com/acme/pipelines.git',
    'git+https://github.com/acme/pipelines/',
    'git+https://github.com/acme/pipelines.git/',
    'GIT+HTTPS://GitHub.com/acme/pipelines.git',
    'git+https://user:secret@github.com/acme/pipelines.git',
    ' git+https://github.com/acme/pipelines ',
  ])('is one for %s', (text) => {
    expect(normalSourceUri(text)).toBe('git+https://github.com/acme/pipelines')
  })

  it.each([
    ['another scheme', 'git+http://github.com/acme/pipelines'],
    ['another host', 'git+https://github.com.evil.example/acme/pipelines'],
    ['another port', 'git+https://github.com:8443/acme/pipelines'],
    ['another case of the path', 'git+https://github.com/Acme/pipelines'],
    ['dots in the path', 'git+https://github.com/evil/../acme/pipelines'],
    ['an escape', 'git+https://github.com/acme%2Fpipelines'],
    ['a query', 'git+https://github.com/acme/pipelines?ref=x'],
    ['a fragment', 'git+https://github.com/acme/pipelines#main'],
    ['a host behind a user', 'git+https://github.com@evil.example/acme/pipelines'],
    ['a user with a slash', 'git+https://github.com/acme/pipelines@evil.example'],
  ])('is another with %s', (_what, text) => {
    expect(normalSourceUri(text)).not.toBe('git+https://github.com/acme/pipelines')
  })

  it('shows no credential', () => {
    expect(normalSourceUri('git+https://me:hunter2@git.example/x?token=hunter3')).toBe('git+https://git.example/x?')
  })

  it('leaves what is no URL alone', () => {
    expect(normalSourceUri('git+git@github.com:acme/pipelines.git')).toBe('git+git@github.com:acme/pipelines.git')
    expect(normalSourceUri('/apis/tekton.dev/v1/namespaces/ci/pipeline/release@1')).toMatch(/^\/apis/)
  })

  it('normalises once and for all', () => {
    fc.assert(
      fc.property(fc.webUrl({ withFragments: true, withQueryParameters: true }), (url) => {
        const once = normalSourceUri(`git+${url}`)
        expect(normalSourceUri(once)).toBe(once)
      }),
    )
  })
})

describe('hostOfUri', () => {
  it.each([
    ['https://GitHub.com/', 'github.com'],
    ['https://github.com', 'github.com'],
    ['git+https://u@git.example:8443/x', 'git.example:8443'],
    ['github.com', ''],
  ])('of %s is %s', (uri, host) => {
    expect(hostOfUri(uri)).toBe(host)
  })
})
