import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { generatedFiles, staleFiles } from '../../charts/generate.ts'
import { customResourceDefinition } from '../../core/crd/definition.ts'
import { kinds } from '../../core/crd/kinds.ts'

const crds = join(import.meta.dirname, '../../charts/crds')
let copy: string

beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), 'crds-'))
  await cp(crds, copy, { recursive: true })
})

afterEach(async () => {
  await rm(copy, { recursive: true })
})

describe('generatedFiles', () => {
  it('is what charts/crds holds; if not: npm run generate', async () => {
    expect(await staleFiles(crds)).toEqual([])
  })

  it('has one file for each kind, which reads as the definition', () => {
    const files = [...generatedFiles()]

    expect(files.map(([name]) => name)).toEqual(kinds.map(({ plural }) => `${plural}.tokenbroker.dev.yaml`))
    for (const [index, [, text]] of files.entries()) {
      const kind = kinds[index] ?? expect.fail('a file without a kind')
      // Kubernetes reads YAML 1.1, where more words are booleans and numbers.
      for (const version of ['1.1', '1.2'] as const) {
        expect(parse(text, { version })).toEqual(JSON.parse(JSON.stringify(customResourceDefinition(kind))))
      }
    }
  })
})

describe('staleFiles', () => {
  it('finds a file that was edited, one that is missing and one that is left over', async () => {
    await writeFile(join(copy, 'tokenpolicies.tokenbroker.dev.yaml'), 'edited')
    await rm(join(copy, 'tokenscopes.tokenbroker.dev.yaml'))
    await writeFile(join(copy, 'zebras.tokenbroker.dev.yaml'), 'left over')

    expect(await staleFiles(copy)).toEqual([
      'tokenpolicies.tokenbroker.dev.yaml',
      'tokenscopes.tokenbroker.dev.yaml',
      'zebras.tokenbroker.dev.yaml',
    ])
  })

  it('finds every file where there is no directory', async () => {
    expect(await staleFiles(join(copy, 'none'))).toHaveLength(kinds.length)
  })
})
