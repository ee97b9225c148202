import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandLine, temporaryDirectory } from './command-line.ts'
import { denied, edit, firstSegment, granted, headText, journalOf, started } from './journal-directory.ts'

const three = [started, granted, denied]

describe('audit verify', () => {
  it('says ok and the head to keep', async () => {
    const { directory, head } = await journalOf(three)

    const { code, out, notes } = await commandLine(['audit', 'verify', directory])

    expect([code, notes]).toEqual([0, ''])
    expect(out).toMatch(/^ok: 3 records, none of them edited.* No anchor was given/)
    expect(out.split('\n')[1]).toBe(`head: ${headText(head)}`)
  })

  it('goes over segments, in the order of their names', async () => {
    const { directory } = await journalOf([...three, ...three, ...three], { limits: { segmentBytes: 1 } })

    expect(await commandLine(['audit', 'verify', directory])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^ok: 9 records/),
    })
  })

  it('takes the head of an earlier run, also after the journal has grown', async () => {
    const { directory, head } = await journalOf(three)
    await journalOf(three, { directory })

    const { code, out } = await commandLine(['audit', 'verify', directory, '--head', headText(head), '--anchored'])

    expect(code).toBe(0)
    expect(out).toMatch(/^ok: 6 records.*the anchored head is among them/)
  })

  it('says unanchored with 4 where an anchor is demanded and none given', async () => {
    const { directory, head } = await journalOf(three)

    const { code, out } = await commandLine(['audit', 'verify', directory, '--anchored'])

    expect(code).toBe(4)
    expect(out).toMatch(/^unanchored: 3 records/)
    expect(out).toContain(`head: ${headText(head)}`)
  })

  it('says tampered with 2 for an edited record, and offers no head to keep', async () => {
    const { directory } = await journalOf(three)
    await edit(directory, (text) => text.replace('"granted"', '"denied"'))

    const { code, out } = await commandLine(['audit', 'verify', directory])

    expect(code).toBe(2)
    expect(out).toMatch(/^tampered: \S+\.jsonl, line 2: .*edited.*1 records could be verified/)
    expect(out).toMatch(/^verified up to: [0-9a-z-]+:1:[0-9a-f]{64}$/m)
    expect(out).not.toContain('head:')
  })

  it('says tampered with 2 for a record that is gone', async () => {
    const { directory } = await journalOf(three)
    await edit(directory, (text) => text.split('\n').toSpliced(1, 1).join('\n'))

    expect((await commandLine(['audit', 'verify', directory])).code).toBe(2)
  })

  it('says incomplete with 3 for a line that is cut short', async () => {
    const { directory } = await journalOf(three)
    await edit(directory, (text) => text.slice(0, -5))

    const { code, out } = await commandLine(['audit', 'verify', directory])

    expect(code).toBe(3)
    expect(out).toMatch(/^incomplete: .*cut short/)
  })

  it('says incomplete with 3 for a tail that only the head can show to be missing', async () => {
    const { directory, head } = await journalOf(three)
    await edit(directory, (text) => `${text.split('\n').slice(0, 2).join('\n')}\n`)

    expect((await commandLine(['audit', 'verify', directory])).code).toBe(0)
    expect((await commandLine(['audit', 'verify', directory, '--head', headText(head)])).code).toBe(3)
  })

  it('says tampered with 2 for another record in the place of the head', async () => {
    const { directory, head } = await journalOf(three)
    const other = { ...head, fingerprint: '0'.repeat(64) }

    expect((await commandLine(['audit', 'verify', directory, '--head', headText(other)])).code).toBe(2)
  })

  it('prints the whole judgement as JSON', async () => {
    const { directory, head } = await journalOf(three)

    const { code, out } = await commandLine(['audit', 'verify', directory, '-o', 'json'])

    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ verdict: 'ok', records: 3, isAnchored: false, head })
  })

  it.each([
    ['nothing', []],
    ['two directories', ['a', 'b']],
    ['a head without a fingerprint', ['a', '--head', '019a:42']],
    ['a head in upper case', ['a', '--head', `019A:42:${'F'.repeat(64)}`]],
    ['an unknown format', ['a', '-o', 'yaml']],
    ['an unknown option', ['a', '--anchor']],
  ])('ends with 64 for %s, since 2 is a verdict', async (_what, args) => {
    const { code, out, notes } = await commandLine(['audit', 'verify', ...args])

    expect([code, out]).toEqual([64, ''])
    expect(notes).toContain('Usage: tokenbroker audit verify DIRECTORY')
  })

  it('ends with 1 for a directory that is not there, empty, a file, or without a readable segment', async () => {
    const directory = await temporaryDirectory()
    await writeFile(join(directory, 'file'), '')
    await mkdir(join(directory, 'empty'))
    await mkdir(join(directory, 'odd', '000001-a-00000000000000000001.jsonl'), { recursive: true })
    const verify = async (name: string) => {
      const { code, out, notes } = await commandLine(['audit', 'verify', join(directory, name)])
      return [code, out, notes.replaceAll(directory, '')]
    }

    expect(await verify('nowhere')).toEqual([
      1,
      '',
      '/nowhere is not there: name the directory of the journal, or a copy of it.\n',
    ])
    expect(await verify('file')).toEqual([
      1,
      '',
      '/file is no directory: name the directory of the journal, or a copy of it.\n',
    ])
    expect(await verify('empty')).toEqual([
      1,
      '',
      '/empty holds no journal: name the directory with its .jsonl segments.\n',
    ])
    expect(await verify('odd')).toEqual([
      1,
      '',
      '/odd/000001-a-00000000000000000001.jsonl is a directory: every segment has to be a readable file.\n',
    ])
  })

  it('can be interrupted', async () => {
    const { directory } = await journalOf(three)

    expect(await commandLine(['audit', 'verify', directory], { signal: AbortSignal.abort() })).toEqual({
      code: 130,
      out: '',
      notes: 'Interrupted.\n',
    })
  })

  it('passes over files that are no segments, as a live journal has them', async () => {
    const { directory } = await journalOf(three)
    await writeFile(join(directory, 'journal.lock'), '{}')
    await writeFile(`${await firstSegment(directory)}.bak`, 'x')

    expect((await commandLine(['audit', 'verify', directory])).code).toBe(0)
  })
})
