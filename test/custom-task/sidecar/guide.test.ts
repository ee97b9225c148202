import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { parseConfig } from '../../../custom-task/sidecar/config.ts'
import { judgeReadiness } from '../../../custom-task/sidecar/readiness.ts'

const root = join(import.meta.dirname, '../../..')
const example = join(root, 'tekton/examples/hand-written-sidecar')

interface Container {
  readonly name: string
  readonly args: readonly string[]
  readonly command?: readonly string[]
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[]
}

interface Task {
  readonly spec: {
    readonly params: readonly { readonly name: string; readonly default: string }[]
    readonly sidecars: readonly [Container]
    readonly steps: readonly Container[]
    readonly stepTemplate: Pick<Container, 'volumeMounts'> & {
      readonly env: readonly { name: string; value: string }[]
    }
  }
}

async function blocks(language: string): Promise<readonly string[]> {
  const guide = await readFile(join(root, 'docs/guides/sidecar.md'), 'utf8')
  return [...guide.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] ?? '')
}

async function readTask(): Promise<Task> {
  return parse(await readFile(join(example, 'task.yaml'), 'utf8')) as Task
}

describe('the guide to the sidecar', () => {
  it('shows configurations that the sidecar takes', async () => {
    const [, small] = await blocks('json')
    const [full] = await blocks('yaml')

    expect(parseConfig(parse(small ?? '')).steps).toHaveLength(1)
    expect(parseConfig(parse(full ?? '')).steps).toHaveLength(2)
  })

  it('shows an answer of /readyz that the gate understands', async () => {
    const [answer] = await blocks('json')

    expect(judgeReadiness(parse(answer ?? ''))).toMatchObject({ kind: 'refused', sentences: [expect.any(String)] })
  })
})

describe('the example of a sidecar declared by hand', () => {
  it('configures the sidecar with what its params say, and points the steps at its files', async () => {
    const { spec } = await readTask()
    const [sidecar] = spec.sidecars
    const text = spec.params.reduce(
      (all, { name, default: value }) => all.replaceAll(`$(params.${name})`, value),
      sidecar.args.at(-1) ?? '',
    )
    const config = parseConfig(JSON.parse(text))
    const directory = config.steps[0]?.directory ?? ''

    expect(config.steps[0]?.policies).toEqual([{ policy: 'deploy-staging', alias: 'deploy', optional: false }])
    expect(Object.fromEntries(spec.stepTemplate.env.map(({ name, value }) => [name, value]))).toEqual({
      TOKENBROKER_DIR: directory,
      TOKENBROKER_URL: `http://${config.listen.address}:${config.listen.port}`,
      TOKENBROKER_TOKEN_FILE: `${directory}/deploy/token`,
      TOKENBROKER_HEADER_FILE: `${directory}/deploy/header`,
    })
    const mounts = sidecar.volumeMounts.map((mount) => mount.mountPath)
    for (const path of [config.broker.tokenFile, config.broker.caFile ?? '', `${directory}/key`]) {
      expect(mounts.some((mount) => path.startsWith(`${mount}/`))).toBe(true)
    }
  })

  it('gives the identity of the pod to the sidecar alone, and lets no step write', async () => {
    const { spec } = await readTask()

    expect(spec.stepTemplate.volumeMounts).toEqual([{ name: 'tokenbroker', mountPath: '/tokenbroker', readOnly: true }])
    expect(spec.steps.every((step) => step.volumeMounts === undefined)).toBe(true)
    expect(spec.sidecars[0].command).toBeUndefined()
  })

  it.each(['access.yaml', 'task-run.yaml'])('has YAML without mistakes in %s', async (file) => {
    const documents = parseAllDocuments(await readFile(join(example, file), 'utf8'))

    expect(documents.flatMap((document) => document.errors)).toEqual([])
  })
})
