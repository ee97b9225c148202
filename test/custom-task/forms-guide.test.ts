import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { FormCase } from '../../custom-task/form.ts'
import { formOf, type PresetName, presetNames } from '../../custom-task/presets.ts'
import { readWishes } from '../../custom-task/webhook/pod-annotations.ts'

const guide = await readFile(join(import.meta.dirname, '../../docs/guides/forms.md'), 'utf8')
const blocks = [...guide.matchAll(/^```yaml\n(.*?)^```$/gms)].map((match) => match[1] ?? '')
const place = { directory: '/d', keyFile: '/k', url: 'u', name: 'n' }
const id = '0a1b2c3d-2222-4333-8444-555555555555'
const scopes = ['arn:aws:iam::123456789012:role/deploy', `${id}/${id}`]
const server = 'https://example.com'
const pool = '//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/p/providers/q'

const rows: readonly (readonly [PresetName, string, Partial<FormCase>])[] = [
  ['git', 'git', {}],
  ['docker', 'docker', {}],
  ['netrc', 'netrc', {}],
  ['aws', 'aws', {}],
  ['aws', 'aws`, of a provider that gives AWS credentials', { issued: 'aws-credentials' }],
  ['gcp', 'gcp', { audience: pool }],
  ['gcp', 'gcp`, of a token that Google takes as it is', { audience: 'https://storage.googleapis.com' }],
  ['azure', 'azure', {}],
  ['kubeconfig', 'kubeconfig', {}],
]

describe('the guide to forms', () => {
  it.each(rows)('names file and variables of %s (%s)', (name, title, more) => {
    const form = formOf(name)
    const subject = { audience: server, scopes, issued: 'bearer', ownVariables: new Set<string>(), ...more } as const
    const git = (form.gitConfig?.(place, subject) ?? []).flatMap((_, i) => [
      `GIT_CONFIG_KEY_${i}`,
      `GIT_CONFIG_VALUE_${i}`,
    ])
    const variables = [
      ...(git.length > 0 ? ['GIT_CONFIG_COUNT', ...git] : []),
      ...Object.keys(form.env(place, subject)),
    ]
    const start = title.includes('`') ? `| \`${title} |` : `| \`${title}\` |`
    const row = guide.split('\n').find((line) => line.startsWith(start)) ?? ''

    expect(form.judge(subject)).toBeUndefined()
    expect(row).toContain(`| ${variables.map((variable) => `\`${variable}\``).join(', ')} |`)
    const content = form.file?.render({ text: 't', audience: subject.audience, scopes, place })
    if (content !== undefined) expect(row).toContain(`\`${form.file?.name}\``)
  })

  it('has a row for every form', () => {
    expect(new Set(rows.map(([name]) => name))).toEqual(new Set(presetNames))
  })

  it('shows annotations that are read', () => {
    const { metadata } = parse(blocks[0] ?? '') as { metadata: { annotations: Record<string, string> } }

    expect(readWishes(metadata.annotations)).toMatchObject({
      asks: [{ name: 'source-read' }, { name: 'image', policy: 'push-image' }],
      forms: [{ preset: 'git' }, { preset: 'docker' }],
      complaints: [],
    })
  })
})
