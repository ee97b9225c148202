import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuiltModule } from '../build.ts'
import { state } from './places.ts'

/** Where a person inside the rig finds them; on the PATH there. */
export const toolFolder = join(state, 'bin')

/** Writes kubectl and helm under the names that everybody types. What helm remembers goes with the rig. */
export async function writeTools(built: Readonly<Record<'kube' | 'helm', BuiltModule>>): Promise<void> {
  await mkdir(toolFolder, { recursive: true })
  const helmHome = join(state, 'helm')
  const homes = ['CACHE', 'CONFIG', 'DATA'].map((kind) => `HELM_${kind}_HOME=${helmHome}`).join(' ')
  await Promise.all([
    writeTool('kubectl', `exec ${join(built.kube.directory, 'kube')} kubectl "$@"`),
    writeTool('helm', `export ${homes}\nexec ${join(built.helm.directory, 'helm')} "$@"`),
  ])
}

async function writeTool(name: string, script: string): Promise<void> {
  await writeFile(join(toolFolder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}
