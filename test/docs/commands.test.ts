import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { commands } from '../../custom-task/cli/commands.ts'
import { blocks, pages, proseOf } from './pages.ts'

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly scripts: Record<string, string> }

/** Command lines, of prose and of blocks, a continued one as one. */
const lines = [
  ...pages.flatMap((page) =>
    [...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => ({ file: page.file, text })),
  ),
  ...blocks('sh').flatMap(({ file, text }) =>
    text
      .replaceAll('\\\n', ' ')
      .split(/\n|&&/)
      .map((line) => ({ file, text: line.trim() })),
  ),
]

describe('commands in the documentation', () => {
  it('are scripts of package.json where npm runs them', () => {
    const run = lines.flatMap(({ file, text }) =>
      [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, script = '']) => ({ file, script })),
    )

    expect(run.length).toBeGreaterThan(10)
    expect(run.filter(({ script }) => scripts[script] === undefined)).toEqual([])
  })

  it('start files that exist', () => {
    const started = lines.flatMap(({ file, text }) =>
      [...text.matchAll(/(?<![\w-])node ([\w./-]+\.ts)/g)].map(([, path = '']) => ({ file, path })),
    )

    expect(started.length).toBeGreaterThan(3)
    expect(started.filter(({ path }) => !existsSync(path))).toEqual([])
  })

  it('are commands and options of the command line where tokenbroker is called', () => {
    const called = lines.filter(({ text }) => /^(?:npx --no )?tokenbroker [a-z]/.test(text))

    expect(called.length).toBeGreaterThan(3)
    expect(called.filter(({ text }) => !isKnown(text.replace(/^(?:npx --no )?tokenbroker /, '')))).toEqual([])
  })
})

function isKnown(call: string): boolean {
  const command = commands.find(({ name }) => call === name || call.startsWith(`${name} `))
  if (command === undefined) return false
  const known = Object.entries({ ...command.options, help: { short: 'h' } }).flatMap(([name, { short }]) => [
    `--${name}`,
    ...(short === undefined ? [] : [`-${short}`]),
  ])
  return [...call.matchAll(/(?<=\s)-{1,2}[a-z][a-z-]*/g)].every(([flag]) => known.includes(flag))
}
