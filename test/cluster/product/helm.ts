import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBinaries } from '../build.ts'
import { facts } from '../harness/cluster.ts'
import { run } from '../rig/command.ts'

export const chart = join(import.meta.dirname, '../../../charts')

/**
 * Runs helm, built from its module, as the cluster's administrator.
 *
 * @param values given to it with `--values`
 * @returns what it wrote
 */
export async function helm(args: readonly string[], values?: object): Promise<string> {
  const { helm: built } = await buildBinaries(['helm'])
  const directory = await mkdtemp(join(tmpdir(), 'helm-'))
  try {
    const file = join(directory, 'values.json')
    if (values !== undefined) await writeFile(file, JSON.stringify(values))
    const all = [...args, '--kubeconfig', facts().kubeconfig, ...(values === undefined ? [] : ['--values', file])]
    const env = { ...process.env, HELM_CACHE_HOME: directory, HELM_CONFIG_HOME: directory, HELM_DATA_HOME: directory }
    return await run(join(built.directory, 'helm'), all, { env })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
