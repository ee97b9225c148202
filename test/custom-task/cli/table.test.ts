import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable } from '../../../custom-task/cli/printable.ts'
import { createTable } from '../../../custom-task/cli/table.ts'
import { anyText } from '../../any-text.ts'

function printed(rows: readonly (readonly string[])[]): readonly string[] {
  const lines: string[] = []
  const table = createTable((line) => lines.push(line) > 0)
  for (const row of rows) table.add(row)
  table.end()
  return lines
}

describe('createTable', () => {
  it('aligns columns by their widest cell, and ends lines without blanks', () => {
    expect(
      printed([
        ['A', 'B'],
        ['aaa', 'bbb'],
        ['', ''],
      ]),
    ).toEqual(['A     B', 'aaa   bbb', '-     -'])
  })

  it('prints page by page, so that a journal of any length needs no memory', () => {
    const lines: string[] = []
    const table = createTable((line) => lines.push(line) > 0)

    for (let row = 0; row < 1200; row++) table.add([row === 700 ? 'wide' : 'a', 'b'])

    expect(lines).toHaveLength(1000)
    expect([lines[0], lines[699], lines[700], lines[999]]).toEqual(['a   b', 'a      b', 'wide   b', 'a      b'])
    table.end()
    expect(lines).toHaveLength(1200)
    expect(lines.at(-1)).toBe('a      b')
  })

  it('says when nobody reads any more, and prints nothing from then on', () => {
    const lines: string[] = []
    const table = createTable((line) => lines.push(line) < 1)
    const answers = Array.from({ length: 501 }, () => table.add(['a']))

    expect([answers[498], answers[499], answers[500]]).toEqual([true, false, false])
    table.end()
    expect(lines).toHaveLength(1)
  })
})

describe('printable', () => {
  it.each([
    ['plain text – with signs', 'plain text – with signs'],
    ['\u001b[31mred\u0007', '?[31mred?'],
    ['two\r\nlines\u2028more', 'two??lines?more'],
    ['\u202eright to left\u200b', '?right to left?'],
    ['\u009b1m', '?1m'],
    ['\ud800', '?'],
  ])('makes of %j a line for a terminal', (text, shown) => {
    expect(printable(text)).toBe(shown)
  })

  it('is done after one time', () => {
    const isDone = (text: string) => printable(text) === text && !/[\p{Cc}\p{Cf}]/u.test(text)

    fc.assert(fc.property(anyText(), (text) => isDone(printable(text))))
  })
})
