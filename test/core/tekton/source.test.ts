import { describe, expect, it } from 'vitest'
import { findSource } from '../../../core/tekton/source.ts'

const commit = 'a3f1c09d5b7e8f60a3f1c09d5b7e8f60a3f1c09d'
const fetched = {
  uri: 'git+https://github.com/acme/pipelines.git',
  digest: { sha1: commit },
  entryPoint: 'release.yaml',
}
const asked = { url: 'https://github.com/acme/pipelines.git', revision: 'main', pathInRepo: 'release.yaml' }

function find(params: Readonly<Record<string, string>> = asked, refSource: object = fetched, resolver = 'git') {
  const list = Object.entries(params).map(([name, value]) => ({ name, value }))
  return findSource({ resolver, params: list }, { refSource } as Parameters<typeof findSource>[1])
}

describe('findSource', () => {
  it('says repository, commit, file and what was asked for', () => {
    expect(find()).toEqual({
      kind: 'found',
      source: {
        uri: 'git+https://github.com/acme/pipelines.git',
        digest: `sha1:${commit}`,
        entryPoint: 'release.yaml',
        revision: 'main',
      },
    })
  })

  it.each([
    ['refs/pull/7/head', 'refs/pull/7/head'],
    ['refs/heads/main', 'refs/heads/main'],
    [commit, commit],
    ['', undefined],
    ['$(params.branch)', undefined],
    ['x'.repeat(257), undefined],
  ])('keeps the revision %s as it was asked for, and none that nobody can compare', (revision, expected) => {
    expect(find({ ...asked, revision }).source?.revision).toBe(expected)
  })

  it('takes no revision from a resolver that knows none: it would pass over the param', () => {
    const refSource = { uri: 'https://example.com/release.yaml', digest: { sha256: 'b'.repeat(64) } }

    expect(find({ url: refSource.uri, revision: 'main' }, refSource, 'http')).toEqual({
      kind: 'found',
      source: { uri: refSource.uri, digest: `sha256:${'b'.repeat(64)}`, entryPoint: undefined, revision: undefined },
    })
  })

  it('prefers the stronger digest, and shows none that is no digest', () => {
    const both = { ...fetched, digest: { sha1: commit, sha256: 'c'.repeat(64) } }

    expect(find(asked, both).source?.digest).toBe(`sha256:${'c'.repeat(64)}`)
    expect(find(asked, { ...fetched, digest: { sha1: 'not a digest' } }).source?.digest).toBeUndefined()
    expect(find(asked, { ...fetched, digest: { md5: 'f00' } }).source?.digest).toBe('md5:f00')
  })

  it('knows none of what nobody fetched', () => {
    expect(findSource({ params: [] }, { refSource: fetched as never })).toMatchObject({ kind: 'local' })
  })

  it.each<[string, Readonly<Record<string, string>>, object, RegExp]>([
    ['without a record', asked, {}, /no provenance/],
    [
      'with a record of another repository',
      asked,
      { ...fetched, uri: 'git+https://github.com/evil/x' },
      /another repo/,
    ],
    ['with a record of another commit', { ...asked, revision: 'b'.repeat(40) }, fetched, /another commit/],
    ['of a commit, where the record has none', { ...asked, revision: commit }, { ...fetched, digest: {} }, /another/],
    [
      'that a server of the run itself says is of another host',
      { org: 'acme', repo: 'pipelines', serverURL: 'https://git.evil.example', token: 'mine', revision: 'main' },
      fetched,
      /a server of its own/,
    ],
    ['with an endless URI', {}, { ...fetched, uri: `git+https://github.com/${'x'.repeat(600)}` }, /too long/],
    ['with an endless path', asked, { ...fetched, entryPoint: 'x'.repeat(600) }, /too long/],
  ])('knows no source %s', (_what, params, refSource, why) => {
    const found = find(params, refSource)

    expect(found).toMatchObject({ kind: 'unknown', why: expect.stringMatching(why) })
    expect(found.source).toBeUndefined()
  })

  it.each(['https://GitHub.com/', 'https://github.com', 'https://github.com/api/v3', 'https://github.com/api/v4/'])(
    'takes the word of the server %s for its own host',
    (serverURL) => {
      const params = { org: 'acme', repo: 'pipelines', serverURL, revision: 'main' }

      expect(find(params).source?.uri).toBe(fetched.uri)
    },
  )

  it.each([
    'https://github.com/evil/files/raw/main',
    'https://github.com/login?return_to=',
    'https://github.com/api/v3/../../evil',
    'http://github.com',
  ])('does not take the word of what %s serves', (serverURL) => {
    const params = { org: 'acme', repo: 'pipelines', scmType: 'gitlab', serverURL, revision: 'main' }

    expect(find(params).kind).toBe('unknown')
  })

  it('does not read a value of another type as text', () => {
    const params = [{ name: 'revision', value: ['main'] }]

    expect(findSource({ resolver: 'git', params }, { refSource: { ...fetched } }).source?.revision).toBeUndefined()
  })
})
