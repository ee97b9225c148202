/**
 * Writes the reference that is derived from code: `node docs/generate.ts`. With `--check` it writes nothing and fails
 * when a file is not what it would write.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { auditPage, auditSchema } from './generate/audit-page.ts'
import { cliPage } from './generate/cli-page.ts'
import { brokerConfigPage, controllerConfigPage, sidecarConfigPage } from './generate/config-pages.ts'
import { kindsPage } from './generate/kinds-page.ts'
import { metricsPage } from './generate/metrics-page.ts'

const folder = join(import.meta.dirname, 'reference')

/** Written by people; a test runs their examples. */
const handWritten: readonly string[] = ['http.md', 'localhost-contract.md']

/** Every generated file by name, below `docs/reference`. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['broker-config.md', brokerConfigPage()],
    ['controller-config.md', controllerConfigPage()],
    ['sidecar-config.md', sidecarConfigPage()],
    ['cli.md', cliPage()],
    ['metrics.md', await metricsPage()],
    ['kinds.md', kindsPage()],
    ['audit.md', await auditPage()],
    ['audit-v1.schema.json', auditSchema()],
  ])
}

/** @returns names of files that are missing, stale or not generated any more */
export async function staleFiles(
  generated: ReadonlyMap<string, string>,
  directory: string = folder,
): Promise<readonly string[]> {
  const present = (await readdir(directory)).filter((name) => !handWritten.includes(name))
  const names = [...new Set([...generated.keys(), ...present])].sort()
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8').catch(() => undefined)))
  return names.filter((name, index) => texts[index] !== generated.get(name))
}

async function main(): Promise<void> {
  const generated = await generatedFiles()
  const stale = await staleFiles(generated)
  if (!process.argv.includes('--check')) {
    for (const name of stale) {
      const text = generated.get(name)
      await (text === undefined ? rm(join(folder, name)) : writeFile(join(folder, name), text))
    }
    return
  }
  if (stale.length === 0) return
  process.stderr.write(`docs/reference is stale (${stale.join(', ')}): npm run generate\n`)
  process.exitCode = 1
}

if (process.argv[1] === import.meta.filename) await main()
