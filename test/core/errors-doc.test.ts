import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { problems } from '../../core/problem.ts'

const document = readFileSync('docs/errors.md', 'utf8')

/** The rows of the table of problems, as they have to stand in the document; a formatter may pad the cells. */
const expected = Object.entries(problems).map(
  ([reason, { status, oauth, outcome, mend }]) => `| \`${reason}\` | ${status} | \`${oauth}\` | ${outcome} | ${mend} |`,
)

const documented = document
  .split('\n')
  .filter((line) => /^\| `[a-z_]+` +\| \d{3} /.test(line))
  .map((line) => line.replaceAll(/ +/g, ' '))

describe('docs/errors.md', () => {
  it('has every problem of core/problem.ts, word for word', () => {
    expect(expected.filter((row) => !documented.includes(row))).toEqual([])
  })

  it('has no problem that core/problem.ts does not know', () => {
    expect(documented.filter((row) => !expected.includes(row))).toEqual([])
  })

  it('has them in the order of the table, each once', () => {
    expect(documented).toEqual(expected)
  })

  it('explains every OAuth error that leaves the broker', () => {
    const used = new Set(Object.values(problems).map((row) => row.oauth))

    expect([...used, 'invalid_grant'].filter((error) => !document.includes(`**\`${error}\`**`))).toEqual([])
  })
})
