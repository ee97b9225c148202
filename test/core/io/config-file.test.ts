import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readProcessConfig } from '../../../core/io/config-file.ts'

const schema = z.strictObject({
  issuer: z.url(),
  port: z.int().default(8443),
  names: z.array(z.string().max(5)).optional(),
})
const usage = 'Usage: node program.ts --config FILE'
const example = 'issuer: https://broker.example.com'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-'))
})
afterAll(() => rm(directory, { recursive: true }))

async function file(text: string | Buffer): Promise<string> {
  const path = join(directory, 'program.yaml')
  await writeFile(path, text)
  return path
}

const read = (...args: readonly string[]) => readProcessConfig(args, { schema, usage, example })

describe('readProcessConfig', () => {
  it.each([
    ['YAML', 'issuer: https://a.example.com # the first\nnames: [a, b]\n'],
    ['JSON', '{"issuer": "https://a.example.com", "names": ["a", "b"]}'],
    [
      'YAML with a byte order mark and line ends of Windows',
      '\ufeffissuer: https://a.example.com\r\nnames: [a, b]\r\n',
    ],
  ])('reads %s and fills in defaults', async (_what, text) => {
    const value = { issuer: 'https://a.example.com', port: 8443, names: ['a', 'b'] }

    expect(await read('--config', await file(text))).toEqual({ kind: 'config', value })
    expect(await read(`--config=${await file(text)}`)).toEqual({ kind: 'config', value })
  })

  it.each([['--help'], ['-h']])('gives the usage with %s, whatever else is there', async (flag) => {
    expect(await read(flag)).toEqual({ kind: 'help', text: usage })
    expect(await read('--config', '/nowhere', flag)).toEqual({ kind: 'help', text: usage })
  })

  it.each([
    ['nothing', []],
    ['an option without its file', ['--config']],
    ['an unknown option', ['--conf', 'a']],
    ['an operand', ['program.yaml']],
    ['an operand beside the file', ['--config', 'a', 'b']],
  ])('says what the arguments are for %s', async (_what, args) => {
    expect(await read(...args)).toEqual({
      kind: 'unusable',
      text: `--config FILE is missing, or something is beside it\n\n${usage}`,
    })
  })

  it('names the file that cannot be read, and why', async () => {
    const nowhere = join(directory, 'nowhere.yaml')

    expect(await read('--config', nowhere)).toEqual({
      kind: 'unusable',
      text: `${nowhere} cannot be read (ENOENT): name a file with --config that this user may read`,
    })
    expect(await read('--config', directory)).toEqual({
      kind: 'unusable',
      text: `${directory} cannot be read (EISDIR): name a file with --config that this user may read`,
    })
  })

  it('says every problem at once, with the example', async () => {
    const path = await file('isuer: x\nport: high\nnames: [too-long]\n')

    expect(await read('--config', path)).toEqual({
      kind: 'unusable',
      text: expect.stringMatching(
        /cannot be used:\n(?: {2}(?:issuer|port|names\.0|isuer): .+\n){4}A file that works:\n {2}issuer: https:\/\/broker\.example\.com$/,
      ),
    })
  })

  it('refuses a file of another size than configuration has', async () => {
    const path = await file('#'.repeat(1_048_577))

    expect(await read('--config', path)).toEqual({ kind: 'unusable', text: `${path} is over 1048576 bytes` })
  })

  it.each([
    ['nothing', ''],
    ['a comment', '# nothing yet\n'],
  ])('takes a file with %s as one without keys', async (_what, text) => {
    expect(await read('--config', await file(text))).toMatchObject({
      kind: 'unusable',
      text: expect.stringContaining('\n  issuer: '),
    })
  })

  it.each([
    ['a bracket left open', 'issuer: [ghs_secret0123456789\n', ', line 2'],
    ['tabs', 'issuer:\n\t- ghs_secret0123456789\n', ', line 2'],
    ['a key twice', 'issuer: ghs_secret0123456789\nissuer: ghs_secret0123456789\n', ', line 2'],
    ['several documents', 'issuer: ghs_secret0123456789\n---\nissuer: ghs_secret0123456789\n', ', line 2'],
    ['aliases, which can grow without end', 'a: &a [ghs_secret0123456789]\nb: [*a, *a]\n', ''],
    ['an alias of nothing', 'issuer: *ghs_secret0123456789\n', ''],
    ['a tag', 'port: 1\nissuer: !ghs_secret0123456789 x\n', ', line 2'],
    ['a directive', '%ghs_secret0123456789 1\n---\nissuer: x\n', ', line 1'],
  ])('refuses %s without quoting it', async (_what, text, where) => {
    const path = await file(text)

    expect(await read('--config', path)).toEqual({
      kind: 'unusable',
      text: `${path}${where}: no YAML that can be used: one document, every key once, no aliases, no tags`,
    })
  })

  it('quotes no value, wherever a credential may stand', async () => {
    const secret = 'ghs_secret0123456789'

    for (const text of [
      secret,
      `issuer: ${secret}`,
      `port: ${secret}`,
      `names: [${secret}]`,
      `names: {${secret}: ${secret}}`,
      `- ${secret}`,
      `issuer: !!binary ${secret}`,
      `issuer: !${secret} x`,
      `%${secret} 1\n---\nissuer: x`,
    ]) {
      const found = await read('--config', await file(text))
      expect(found.kind, text).toBe('unusable')
      expect(found, text).not.toMatchObject({ text: expect.stringContaining(secret) })
    }
  })

  it('prints no warning of the parser either', async () => {
    const warnings: unknown[] = []
    const listen = (warning: unknown) => warnings.push(warning)
    process.on('warning', listen)

    await read('--config', await file('issuer: !ghs_secret0123456789 x\n%ghs_secret0123456789\n'))
    await new Promise((resolve) => setImmediate(resolve))

    process.off('warning', listen)
    expect(warnings).toEqual([])
  })
})
