import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atPointer, eventFields } from '../../../broker/interceptor/event-fields.ts'
import { githubFields } from '../../../broker/interceptor/github-fields.ts'
import { gitlabFields } from '../../../broker/interceptor/gitlab-fields.ts'
import {
  gitlabPush,
  gitlabMergeRequest as mergeRequest,
  gitlabProject as project,
  githubPullRequest as pullRequest,
  pushBody,
  githubRelease as release,
} from './interceptor-fixture.ts'

const push = JSON.parse(pushBody())

describe('githubFields', () => {
  it('says of a push what was pushed, where and by whom', () => {
    expect(githubFields('push', push)).toEqual({
      kind: 'push',
      ref: 'refs/heads/main',
      baseSha: push.before,
      headSha: push.after,
      isDeleted: false,
      isForced: false,
      repository: 'acme/shop',
      repositoryUrl: 'https://github.com/acme/shop.git',
      defaultBranch: 'main',
      sender: 'octocat',
      isBot: false,
    })
  })

  it('gives a pull request a ref that no branch has, whatever its branch is called', () => {
    expect(githubFields('pull_request', pullRequest())).toMatchObject({
      kind: 'pull_request',
      action: 'opened',
      number: 7,
      ref: 'refs/pull/7/head',
      headRef: 'refs/heads/main',
      baseRef: 'refs/heads/main',
      headSha: 'aaa',
      isFork: false,
      isMerged: false,
      isDraft: true,
      isBot: true,
    })
  })

  it.each([
    ['of another repository', { full_name: 'mallory/shop' }],
    ['that was deleted', null],
  ])('calls a head %s a fork', (_name, repo) => {
    expect(githubFields('pull_request', pullRequest({ repo }))).toMatchObject({ isFork: true })
  })

  it.each([
    ['a pull request that is called a push', 'push', pullRequest()],
    ['a push that is called a pull request', 'pull_request', push],
    ['a push that is called a release', 'release', push],
    ['a dispatch, which has a ref, that is called a push', 'push', { ref: 'refs/heads/main', inputs: {} }],
    ['no name', undefined, push],
    ['an odd name', 'Push!', push],
    ['no object', 'ping', 'text'],
  ])('refuses %s: the name stands in a header that is not signed', (_name, kind, body) => {
    expect(githubFields(kind, body)).toBeUndefined()
  })

  it('says of a release its tag, and of any other event who sent it and from where', () => {
    expect(githubFields('release', release)).toEqual({
      kind: 'release',
      action: 'published',
      ref: 'refs/tags/v1',
      isPrerelease: false,
    })
    const comment = { action: 'created', comment: {}, repository: push.repository, sender: push.sender }
    expect(githubFields('issue_comment', comment)).toMatchObject({ kind: 'issue_comment', sender: 'octocat' })
    expect(githubFields('issue_comment', comment)).not.toHaveProperty('ref')
  })
})

describe('gitlabFields', () => {
  it('has GitHub’s names for a push', () => {
    expect(gitlabFields(gitlabPush)).toEqual({
      kind: 'push',
      ref: 'refs/heads/main',
      baseSha: gitlabPush.before,
      headSha: gitlabPush.after,
      isDeleted: false,
      sender: 'jsmith',
      repository: 'acme/shop',
      repositoryId: 15,
      repositoryUrl: project.git_http_url,
      defaultBranch: 'main',
    })
    const tag = { ...gitlabPush, object_kind: 'tag_push', ref: 'refs/tags/v1', after: '0'.repeat(40) }
    expect(gitlabFields(tag)).toMatchObject({ kind: 'push', ref: 'refs/tags/v1', isDeleted: true })
  })

  it.each([
    [{}, { action: 'opened', isFork: true, isMerged: false }],
    [{ action: 'update', oldrev: 'ccc' }, { action: 'synchronize' }],
    [{ action: 'update' }, { action: 'edited' }],
    [
      { action: 'merge', state: 'merged', source_project_id: 15 },
      { action: 'closed', isMerged: true, isFork: false },
    ],
    [{ action: 'approval' }, { action: 'approval' }],
  ])('calls a merge request a pull request: %o', (attributes, fields) => {
    const found = gitlabFields(mergeRequest(attributes))
    expect(found).toMatchObject({ kind: 'pull_request', number: 7, ref: 'refs/merge-requests/7/head', ...fields })
  })

  it('knows releases and others, and refuses a body that lacks what its kind has', () => {
    expect(gitlabFields({ object_kind: 'release', tag: 'v1', action: 'create', project })).toMatchObject({
      kind: 'release',
      ref: 'refs/tags/v1',
    })
    expect(gitlabFields({ object_kind: 'note', user: { username: 'jsmith' }, project })).toMatchObject({
      kind: 'note',
      sender: 'jsmith',
    })
    expect(gitlabFields({ object_kind: 'deployment' })).toEqual({ kind: 'deployment' })
    for (const kind of ['push', 'merge_request', 'release']) expect(gitlabFields({ object_kind: kind })).toBeUndefined()
    expect(gitlabFields([])).toBeUndefined()
  })
})

describe('eventFields', () => {
  it('keeps texts, booleans and whole numbers of a bounded size', () => {
    const long = 'x'.repeat(513)
    expect(eventFields({ a: 'x', b: false, c: 0, d: long, e: '', f: 1.5, g: null, h: {}, i: 2 ** 53 })).toEqual({
      a: 'x',
      b: false,
      c: 0,
    })
  })
})

describe('atPointer', () => {
  it.each([
    ['/a/b', { a: { b: 1 } }, 1],
    ['/a/1', { a: [1, 2] }, 2],
    ['/a~1b/m~0n', { 'a/b': { 'm~n': 3 } }, 3],
    ['/', { '': 4 }, 4],
    ['/~01', { '~1': 5 }, 5],
    ['/a/b', { a: 'text' }, undefined],
    ['/constructor', {}, undefined],
    ['/a/b', { a: null }, undefined],
  ])('reads %s as RFC 6901 says', (pointer, document, value) => {
    expect(atPointer(document, pointer)).toBe(value)
  })

  it('finds every member of any document by its escaped name', () => {
    const name = fc.string().filter((text) => text !== '__proto__')
    fc.assert(
      fc.property(name, name, fc.integer(), (outer, inner, value) => {
        const escaped = [outer, inner].map((text) => text.replaceAll('~', '~0').replaceAll('/', '~1'))
        expect(atPointer({ [outer]: { [inner]: value } }, `/${escaped.join('/')}`)).toBe(value)
      }),
    )
  })
})
