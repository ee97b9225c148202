import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AuditLine, splitLines } from '../../../core/audit/lines.ts'
import { chunked } from './chain-fixture.ts'

async function split(content: string | Uint8Array, chunkSize: number, offset = 0): Promise<AuditLine[]> {
  const lines: AuditLine[] = []
  for await (const line of splitLines(chunked(content, chunkSize), { file: 'a.jsonl', offset })) lines.push(line)
  return lines
}

describe('splitLines', () => {
  it('says file, line, bytes and whether the line is complete', async () => {
    const lines = await split('äb\n\ncd', 2, 100)

    expect(lines).toEqual([
      { file: 'a.jsonl', line: 1, offset: 100, end: 104, text: 'äb', isTerminated: true },
      { file: 'a.jsonl', line: 2, offset: 104, end: 105, text: '', isTerminated: true },
      { file: 'a.jsonl', line: 3, offset: 105, end: 107, text: 'cd', isTerminated: false },
    ])
  })

  it('gives the same lines however the bytes are cut into chunks', async () => {
    const texts = fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', '')))

    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 50 }), async (expected, chunkSize) => {
        const lines = await split(expected.map((text) => `${text}\n`).join(''), chunkSize)
        expect(lines.map(({ text }) => text)).toEqual(expected)
      }),
    )
  })

  it('gives no text for bytes that are no UTF-8', async () => {
    const lines = await split(Uint8Array.of(0x61, 0xff, 0x0a, 0x62, 0x0a), 16)

    expect(lines.map(({ text }) => text)).toEqual([undefined, 'b'])
  })

  it('keeps a byte order mark as part of the text', async () => {
    const lines = await split('\ufeffa\n', 16)

    expect(lines[0]?.text).toBe('\ufeffa')
  })

  it('gives no text for an endless line, and goes on behind it', async () => {
    const lines = await split(`${'x'.repeat(300_000)}\nb\n`, 4096)

    expect(lines.map(({ text }) => text)).toEqual([undefined, 'b'])
    expect(lines[1]).toMatchObject({ line: 2, offset: 300_001, end: 300_003 })
  })
})
