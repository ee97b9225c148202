/** Writes what `npm run demo` prints between the markers of README.md: `npm run generate:docs`. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createStableText } from './generate/stable-text.ts'

const root = join(import.meta.dirname, '..')
const readme = join(root, 'README.md')
const between = /(?<=<!-- demo: npm run generate:docs -->\n```text\n).*?(?=\n```\n<!-- \/demo -->)/s

/**
 * The demo's output as it stands in a text.
 *
 * @throws TypeError where the markers are missing
 */
export function demoOutputIn(text: string): string {
  const found = between.exec(text)
  if (found === null) throw new TypeError('the markers of the demo are missing')
  return found[0]
}

/** Runs the demo; fails when it does. */
async function demoOutput(): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['test/demo/main.ts'], { cwd: root })
  return createStableText()(stdout.trimEnd())
}

async function main(): Promise<void> {
  const text = await readFile(readme, 'utf8')
  demoOutputIn(text)
  const output = await demoOutput()
  await writeFile(
    readme,
    text.replace(between, () => output),
  )
}

if (process.argv[1] === import.meta.filename) await main()
