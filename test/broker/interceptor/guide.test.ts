import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { interceptorConfig } from '../../../broker/interceptor/config.ts'
import { githubFields } from '../../../broker/interceptor/github-fields.ts'
import { gitlabFields } from '../../../broker/interceptor/gitlab-fields.ts'
import { auditReasons } from '../../../core/audit/schema.ts'
import { githubPullRequest, githubRelease, gitlabMergeRequest, gitlabPush, pushBody } from './interceptor-fixture.ts'

const root = join(import.meta.dirname, '../../..')
const guide = readFileSync(join(root, 'docs/guides/events.md'), 'utf8')
const example = readFileSync(join(root, 'tekton/examples/event/README.md'), 'utf8')

interface Values {
  readonly interceptor?: { readonly senders: readonly { readonly name: string; readonly secretName: string }[] }
}

describe('docs/guides/events.md', () => {
  it('names every field that rules may use, and no other', () => {
    const found = [
      githubFields('push', JSON.parse(pushBody())),
      githubFields('pull_request', githubPullRequest()),
      githubFields('release', githubRelease),
      gitlabFields(gitlabPush),
      gitlabFields(gitlabMergeRequest()),
    ]
    const fields = new Set(['isSigned', ...found.flatMap((one) => Object.keys(one ?? {}))])
    const rows = [...guide.matchAll(/^\| (`event\.\w+`.*)$/gm)].map(([, row = '']) => row)
    const named = new Set(rows.flatMap((row) => [...row.matchAll(/`event\.(\w+)`/g)].map(([, name]) => name)))

    expect([...named].toSorted()).toEqual([...fields].toSorted())
  })

  it('says of every reason what to look at', () => {
    const reasons = auditReasons.filter((reason) => reason.startsWith('event_') && reason !== 'event_verified')
    const named = [...guide.matchAll(/^\| `(event_\w+)` \|/gm)].map(([, reason]) => reason)

    expect(named.toSorted()).toEqual(reasons.toSorted())
  })

  it.each([
    ['the guide', guide],
    ['the example', example],
  ])('shows senders that the broker takes, in %s', (_name, text) => {
    const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].flatMap(([, yaml = '']) => parseAllDocuments(yaml))
    const shown = blocks.flatMap((document) => (document.toJS() as Values).interceptor?.senders ?? [])

    expect(shown.length).toBeGreaterThan(0)
    const senders = shown.map(({ secretName: _secret, ...sender }) => ({ ...sender, secretDirectory: '/secrets' }))
    expect(interceptorConfig.safeParse({ senders }).error?.issues ?? []).toEqual([])
  })
})
