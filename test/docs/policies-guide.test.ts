import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { compileValidations } from '../../core/io/cel/compile-validations.ts'
import { schemas } from '../../core/io/cel/environment.ts'
import { comprehensions, functions, methods } from '../../core/io/cel/vocabulary.ts'
import { maxValidationCost, validationCost } from '../../core/policy/compiled-validations.ts'
import { blocks } from './pages.ts'

const guide = readFileSync('docs/guides/policies.md', 'utf8')

const policies = blocks('yaml')
  .flatMap(({ text }) => parseAllDocuments(text).map((document) => document.toJS()))
  .filter((value) => ['TokenPolicy', 'ClusterTokenPolicy'].includes(value?.kind))

/** What stands in backticks in the row of a table that begins so. */
function row(name: string): readonly string[] {
  const line = guide.split('\n').find((one) => one.startsWith(`| \`${name}\``)) ?? expect.fail(`no row ${name}`)
  return codeIn(line.split('|')[2] ?? '')
}

function codeIn(text: string): readonly string[] {
  return [...text.matchAll(/`(\w+)`/g)].map(([, code = '']) => code)
}

describe('policies in the documentation', () => {
  it('have validations that compile and keep to the budget', () => {
    const all = policies.map(({ spec }) => compileValidations(spec.validations))

    expect(all.flat().filter(({ problem }) => problem !== undefined)).toEqual([])
    expect(all.flat().length).toBeGreaterThan(1)
    expect(all.every((one) => validationCost(one) <= maxValidationCost)).toBe(true)
  })
})

describe('docs/guides/policies.md', () => {
  it('names the members of each variable', () => {
    const { initiator, source, taskSource: _, ...plain } = schemas.run

    expect(row('run').toSorted()).toEqual(Object.keys(plain).toSorted())
    expect(row('run.initiator')).toEqual(expect.arrayContaining(Object.keys(initiator)))
    expect(row('run.source').toSorted()).toEqual(Object.keys(source).toSorted())
    expect(row('request').toSorted()).toEqual(Object.keys(schemas.request).toSorted())
    expect(row('workload').toSorted()).toEqual(Object.keys(schemas.workload).toSorted())
  })

  it('names every function of the language', () => {
    const paragraph = guide.split('\n\n').find((one) => one.startsWith('In the language are')) ?? ''
    const named = new Set(codeIn(paragraph))
    const all = [...functions.keys(), ...methods.keys(), ...comprehensions]

    expect(all.filter((name) => !named.has(name))).toEqual([])
  })
})
