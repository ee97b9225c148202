import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { demoOutputIn } from '../../docs/demo-output.ts'
import { createStableText } from '../../docs/generate/stable-text.ts'

const readme = readFileSync('README.md', 'utf8')
const story = readFileSync('test/demo/story.ts', 'utf8')

/** What the demo says whatever happens: acts, and what it holds. */
function linesOfStory(): readonly string[] {
  return [...story.matchAll(/tell\.(?:act|held)\('([^']+)'\)/g)].map(([, text = '']) => text)
}

describe('README.md', () => {
  it('shows the story as the demo tells it; if not: npm run generate:docs', () => {
    const output = demoOutputIn(readme)
    const places = linesOfStory().map((line) => output.indexOf(line))

    expect(places.length).toBeGreaterThan(10)
    expect(places).not.toContain(-1)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(output).toMatch(/^All of it held/m)
  })

  it('shows no id, time or port of one run, so that another run changes nothing', () => {
    const output = demoOutputIn(readme)

    expect(createStableText()(output)).toBe(output)
  })

  it('keeps a place for measurements', () => {
    expect(readme).toMatch(/<!-- bench: npm run bench -->\n.+\n<!-- \/bench -->/s)
  })

  it('has every room of the house on its map', () => {
    const { include } = JSON.parse(readFileSync('tsconfig.json', 'utf8')) as { readonly include: readonly string[] }
    const rooms = include.filter((name) => /^[a-z-]+$/.test(name) && name !== 'build')
    const listed = [...readme.matchAll(/^\| \[[\w-]+\]\(([\w-]+)\) \|/gm)].map(([, name = '']) => name)

    expect(listed.filter((name) => !existsSync(name))).toEqual([])
    expect(rooms.filter((name) => !listed.includes(name))).toEqual([])
  })
})

describe('createStableText', () => {
  const id = '019b0c2f-6a1e-7c00-8a51-0d0d6f1f6f00'

  it('gives the same stable value for the same value, and another for another', () => {
    const stable = createStableText()
    const [a, b, again] = [stable(id), stable(id.replace('6f00', '6f01')), stable(id)]

    expect(again).toBe(a)
    expect(b).not.toBe(a)
  })

  it('leaves everything else alone', () => {
    expect(createStableText()('expires_in 300 at https://deploy.example.com')).toBe(
      'expires_in 300 at https://deploy.example.com',
    )
  })
})

describe('SECURITY.md', () => {
  it('names for each threat a test that shows its mitigation', () => {
    const [, table = ''] = /\| threat \|.*?\n\|[-|]+\n((?:\|.*\n)+)/.exec(readFileSync('SECURITY.md', 'utf8')) ?? []
    const rows = table.trim().split('\n')

    expect(rows.length).toBeGreaterThan(20)
    expect(rows.filter((row) => !/\]\(test\/[\w./-]+\.ts\)/.test(row))).toEqual([])
  })
})
