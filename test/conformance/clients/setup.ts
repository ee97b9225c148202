import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { buildBinaries } from '../../cluster/build.ts'
import { run } from '../../cluster/rig/command.ts'
import { exists } from '../../cluster/rig/files.ts'
import { withLock } from '../../cluster/rig/lock.ts'
import { cache } from '../../cluster/rig/places.ts'

/** Programs of other people, which the tests start as their users do. */
export interface Clients {
  /** A Python with the packages of `requirements.txt`. */
  readonly python: string
  readonly kubectl: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    clients: Clients
  }
}

/** Debian packages by the program that shows they are there. */
const packages: Readonly<Record<string, string>> = {
  git: 'git',
  skopeo: 'skopeo',
  curl: 'curl',
  python3: 'python3',
}

/** Installs what is missing; fails the tier, with the reason, where that cannot be done. */
export async function setup(project: TestProject): Promise<void> {
  await withLock('clients', async () => {
    await installPackages()
    project.provide('clients', { python: await makePython(), kubectl: await makeKubectl() })
  })
}

async function installPackages(): Promise<void> {
  const missing: string[] = []
  for (const [name, program] of Object.entries(packages)) {
    const isThere = await run('sh', ['-c', `command -v ${program}`]).then(Boolean, () => false)
    if (!isThere) missing.push(name)
  }
  const hasVenv = await run('python3', ['-c', 'import ensurepip, venv']).then(
    () => true,
    () => false,
  )
  if (!hasVenv) missing.push('python3-venv')
  if (missing.length === 0) return
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update', '-qq'], { env })
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env })
}

/** A virtual environment in the cache, named after what is in it. */
async function makePython(): Promise<string> {
  const requirements = join(import.meta.dirname, 'requirements.txt')
  const content = await readFile(requirements, 'utf8')
  const version = (await run('python3', ['-c', 'import sys; print(sys.version)'])).trim()
  const key = createHash('sha256').update(content).update(version).digest('hex').slice(0, 12)
  const folder = join(cache, 'python', `clients-${key}`)
  const python = join(folder, 'bin', 'python')
  if (await exists(join(folder, 'complete'))) return python
  await rm(folder, { recursive: true, force: true })
  await mkdir(join(cache, 'python'), { recursive: true })
  await run('python3', ['-m', 'venv', folder])
  await run(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-r', requirements])
  await mkdir(join(folder, 'complete'))
  return python
}

/** The cluster rig's Kubernetes is one program, which takes the name of its part as its first argument. */
async function makeKubectl(): Promise<string> {
  const { kube } = await buildBinaries(['kube'])
  const folder = join(cache, 'clients')
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'kubectl')
  await writeFile(`${file}.new`, `#!/bin/sh\nexec '${join(kube.directory, 'kube')}' kubectl "$@"\n`, { mode: 0o755 })
  await rename(`${file}.new`, file)
  return file
}
