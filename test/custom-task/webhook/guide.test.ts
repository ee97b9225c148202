import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseConfig } from '../../../core/config-file.ts'
import { pipelineSpec } from '../../../core/tekton/pipeline-spec.ts'
import { tokenExchangesBefore } from '../../../core/tekton/token-exchange-tasks.ts'
import { exampleConfig, webhookConfig } from '../../../custom-task/webhook/config.ts'
import { readWishes } from '../../../custom-task/webhook/pod-annotations.ts'
import { configRows } from './config-keys.ts'

const guide = await readFile(join(import.meta.dirname, '../../../docs/guides/injection.md'), 'utf8')
const blocks = [...guide.matchAll(/^```yaml\n(.*?)^```$/gms)].map((match) => match[1] ?? '')

describe('the guide to injection', () => {
  it('shows a TaskRun whose annotations are read, and a pipeline whose task gets the token', () => {
    const taskRun = parse(blocks[0] ?? '') as { metadata: { annotations: Record<string, string> } }
    const pipeline = parse(blocks[1] ?? '') as { spec: unknown }

    expect(readWishes(taskRun.metadata.annotations)).toMatchObject({
      asks: [{ name: 'deploy-staging', policy: 'deploy-staging' }],
      complaints: [],
    })
    expect(tokenExchangesBefore(pipelineSpec.parse(pipeline.spec), 'deploy')).toEqual(['token'])
  })

  it('names every annotation that is read, and no other', () => {
    const rows = [...guide.matchAll(/^\| `tokenbroker\.dev\/(\w+)` \|/gm)].map((match) => match[1])
    const { complaints } = readWishes(
      Object.fromEntries(rows.map((key) => [`tokenbroker.dev/${key}`, 'NOT VALID AT ALL='])),
    )

    expect(complaints.map((one) => one.split(' ')[1])).toEqual(rows.map((key) => `tokenbroker.dev/${key}`))
    expect(rows).toHaveLength(5)
  })

  it('shows a configuration that works, and says of every key what the schema says', () => {
    expect(blocks[2]).toBe(exampleConfig.trimStart())
    expect(parseConfig(webhookConfig, parse(exampleConfig))).toMatchObject({ ok: true })
    expect(guide).toContain(configRows().join('\n'))
  })
})
