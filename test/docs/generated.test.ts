import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { brokerConfig } from '../../broker/config.ts'
import { fingerprintOf } from '../../core/audit/chain.ts'
import type { AuditRecord } from '../../core/audit/event.ts'
import { auditRecordSchema, auditTypes } from '../../core/audit/schema.ts'
import { commands } from '../../custom-task/cli/commands.ts'
import { run } from '../../custom-task/cli/run.ts'
import { controllerConfig } from '../../custom-task/controller/config.ts'
import { configFields } from '../../custom-task/sidecar/config-fields.ts'
import { generatedFiles, staleFiles } from '../../docs/generate.ts'
import { blocks } from './pages.ts'

const folder = 'docs/reference'
let generated: ReadonlyMap<string, string>

beforeAll(async () => {
  generated = await generatedFiles()
})

async function page(name: string): Promise<string> {
  return await readFile(join(folder, name), 'utf8')
}

describe('docs/reference', () => {
  it('is what the code says; if not: npm run generate', async () => {
    expect(await staleFiles(generated, folder)).toEqual([])
  })

  it('is generated the same every time', async () => {
    expect(await generatedFiles()).toEqual(generated)
  })

  it('is stale when a page was edited, is missing or left over', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'reference-'))
    onTestFinished(() => rm(copy, { recursive: true }))
    for (const [name, text] of generated) await writeFile(join(copy, name), text)
    await writeFile(join(copy, 'cli.md'), 'edited')
    await rm(join(copy, 'kinds.md'))
    await writeFile(join(copy, 'left-over.md'), '')

    expect(await staleFiles(generated, copy)).toEqual(['cli.md', 'kinds.md', 'left-over.md'])
  })

  it.each([
    ['broker-config.md', brokerConfig],
    ['controller-config.md', controllerConfig],
  ])('%s has every key that can be set, with a meaning', async (name, schema) => {
    const text = await page(name)
    const rows = new Map(
      [...text.matchAll(/^\| `([^`]+)` \|.*\| ([^|]*) \|$/gm)].map(([, key, meaning]) => [key, meaning]),
    )

    expect(leaves(schema).filter((key) => (rows.get(key) ?? '') === '')).toEqual([])
  })

  it('sidecar-config.md has every key', async () => {
    const text = await page('sidecar-config.md')

    expect(Object.keys(configFields).filter((key) => !text.includes(`| \`${key}\` |`))).toEqual([])
  })

  it.each(commands.map((command) => command.name))('cli.md has what tokenbroker %s --help prints', async (name) => {
    const printed: string[] = []
    const print = (line: string) => void printed.push(line)
    const context = { out: print, note: print, isTerminal: false, env: {}, clock: () => new Date(0) }

    const code = await run([...name.split(' '), '--help'], {
      ...context,
      signal: new AbortController().signal,
    } as never)

    expect(code).toBe(0)
    expect(await page('cli.md')).toContain(printed.join('\n'))
  })
})

describe('docs/reference/audit.md', () => {
  const records = blocks('json')
    .filter(({ file }) => file === 'docs/reference/audit.md')
    .map(({ text }) => JSON.parse(text) as AuditRecord)

  it('shows one record of each type', () => {
    expect(records.map(({ type }) => type)).toEqual(auditTypes)
  })

  it.each(records.map((record) => [record.type, record] as const))('shows a %s that verifies', (_type, record) => {
    expect(auditRecordSchema.safeParse(record).error?.issues ?? []).toEqual([])
    expect(fingerprintOf(record)).toBe(record.data.attestation.fingerprint)
  })

  it('has a schema that is named in each record', async () => {
    const schema = JSON.parse(await page('audit-v1.schema.json')) as { readonly $id: string }

    expect(new Set(records.map(({ dataschema }) => dataschema))).toEqual(new Set([schema.$id]))
  })
})

/** Keys of a configuration that hold no further keys, read from the schema itself and not by what writes the pages. */
function leaves(schema: z.ZodType, key = ''): readonly string[] {
  const inner = unwrapped(schema)
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape).flatMap(([name, field]) =>
      leaves(field as z.ZodType, key === '' ? name : `${key}.${name}`),
    )
  }
  if (inner instanceof z.ZodArray && unwrapped(inner.element as z.ZodType) instanceof z.ZodObject) {
    return leaves(inner.element as z.ZodType, `${key}[]`)
  }
  return [key]
}

function unwrapped(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrapped(schema.unwrap() as z.ZodType)
  }
  return schema
}
