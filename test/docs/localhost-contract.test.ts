import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { checks, contractVersion } from '../../custom-task/cli/conformance/localhost/checks.ts'

const page = readFileSync('docs/reference/localhost-contract.md', 'utf8')

describe('docs/reference/localhost-contract.md', () => {
  it('has a check for every clause, and a clause for every check', () => {
    const clauses = [...page.matchAll(/^- \*\*(\d\.\d+)\*\* /gm)].map(([, clause]) => clause)

    expect([...new Set(checks.map(({ clause }) => clause))].toSorted()).toEqual(clauses.toSorted())
    expect(new Set(clauses).size).toBe(clauses.length)
  })

  it('says the version that the checks are of', () => {
    expect(page).toContain(`Version ${contractVersion}.`)
  })
})
