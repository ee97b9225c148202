import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { readmeText } from '../../charts/generate.ts'
import { type ValueSchema, valuesOf, valuesTable } from '../../charts/values-table.ts'

const folder = join(import.meta.dirname, '../../charts')
const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const schema = JSON.parse(read('values.schema.json')) as ValueSchema
const values: unknown = parse(read('values.yaml'), { version: '1.1' })

const patterned = z.object({ pattern: z.string() })
const issuerSchema = z.object({
  properties: z.object({
    issuer: z.object({ properties: z.object({ url: patterned, scopes: z.object({ items: patterned }) }) }),
  }),
})

/** Every schema of the file, with where it stands. */
function schemasBelow(node: unknown, path: string): readonly { readonly path: string; readonly schema: ValueSchema }[] {
  if (typeof node !== 'object' || node === null) return []
  const below = Object.entries(node)
    // Conditions repeat what stands elsewhere.
    .filter(([name]) => name !== 'if' && name !== 'then')
    .flatMap(([name, one]) => schemasBelow(one, `${path}/${name}`))
  return 'type' in node && typeof node.type !== 'object' ? [{ path, schema: node as ValueSchema }, ...below] : below
}

describe('values.schema.json', () => {
  it('knows every value of values.yaml, and gives every value that it knows a default there', () => {
    const known = valuesOf(schema, values).filter(({ path }) => path !== 'global')

    expect(known.filter(({ byDefault }) => byDefault === undefined).map(({ path }) => path)).toEqual([
      'certificates.certManager.issuerRef.name',
      'certificates.certManager.issuerRef.kind',
      'certificates.certManager.issuerRef.group',
    ])
    expect(leavesOf(values, '').filter((path) => !known.some((one) => isBelow(path, one.path)))).toEqual([
      'certificates.certManager.issuerRef',
    ])
  })

  it('closes every object whose fields it names', () => {
    const open = schemasBelow(schema, '#').filter(
      (one) => one.schema.properties !== undefined && one.schema.additionalProperties !== false,
    )

    expect(open.map(({ path }) => path)).toEqual([])
  })

  it('describes every value in a sentence', () => {
    const wrong = valuesOf(schema, values).filter(({ schema: { description = '' } }) => !/^\S.*[.]$/.test(description))

    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('has no definition that nobody uses, and uses none that is not there', () => {
    const used = new Set([...read('values.schema.json').matchAll(/"#\/\$defs\/(\w+)"/g)].map(([, name]) => name))

    expect([...used].toSorted()).toEqual(Object.keys(schema.$defs ?? {}).toSorted())
  })
})

describe('what the schema takes for the issuer', () => {
  const { url, scopes } = issuerSchema.parse(schema).properties.issuer.properties

  it.each([
    ['', true],
    ['https://tokens.example.com', true],
    ['https://tokens.example.com:8443/a/b', true],
    ['http://127.0.0.1:8080', true],
    ['http://localhost', true],
    ['http://[::1]:8080/a', true],
    ['http://tokens.example.com', false],
    ['http://127.0.0.1.example.com', false],
    ['http://localhost.example.com', false],
    ['http://localhost@example.com', false],
    ['https://tokens.example.com/', false],
    ['https://tokens.example.com?a', false],
  ])('as URL %j: %s', (value, isTaken) => {
    expect(new RegExp(url.pattern, 'u').test(value)).toBe(isTaken)
  })

  it('is scopes as the CustomResourceDefinition has them', () => {
    const definition = read('crds/clustertokenproviders.tokenbroker.dev.yaml')

    expect(definition).toContain(`pattern: ${scopes.items.pattern}\n`)
    expect(new RegExp(scopes.items.pattern, 'u').test('a b')).toBe(false)
  })
})

describe('charts/README.md', () => {
  it('has the table of values as they are; if not: npm run generate', async () => {
    expect(read('README.md')).toBe(await readmeText())
  })

  it('names nothing in the table that would break it', () => {
    const rows = valuesTable(schema, values).split('\n')

    expect(rows.filter((row) => row.replaceAll('\\|', '').split('|').length !== 5)).toEqual([])
  })
})

describe('Chart.yaml', () => {
  it('has the version of the package, as images are named after it', () => {
    const [chart] = parseAllDocuments(read('Chart.yaml')).map((document) => document.toJS())
    const { version } = JSON.parse(readFileSync(join(folder, '../package.json'), 'utf8')) as { version: string }

    expect(chart).toMatchObject({ name: 'tokenbroker', version, appVersion: version })
  })
})

function leavesOf(value: unknown, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0)
    return [path]
  return Object.entries(value).flatMap(([name, one]) => leavesOf(one, path === '' ? name : `${path}.${name}`))
}

/** Values with free names, such as labels, end at the schema's object. */
function isBelow(path: string, known: string): boolean {
  return path === known || path.startsWith(`${known}.`)
}
