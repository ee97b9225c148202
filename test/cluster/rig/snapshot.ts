import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuiltModule, ModuleName } from '../build.ts'
import { runInNamespaces } from './namespaces.ts'
import { cache } from './places.ts'
import { RigError, say } from './progress.ts'

/** Tekton's logins in a snapshot last 24 hours; one is used for less, so that no run sees them end. */
const usableHours = 16

/** Files whose change makes another snapshot. */
const sources = ['cluster.ts', 'control-plane.ts', 'credentials.ts', 'dns.ts', 'places.ts', 'tekton.ts']

/** Data and keys of a cluster with Tekton installed, so that a run need not install it. */
export async function ensureSnapshot(built: Readonly<Record<ModuleName, BuiltModule>>): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([built.kube.key, built.etcd.key, built.tekton.key]))
  for (const file of sources) hash.update(await readFile(join(import.meta.dirname, file)))
  const snapshot = join(cache, 'snapshots', hash.digest('hex').slice(0, 12))
  const made = await stat(snapshot).catch(() => undefined)
  if (made && Date.now() - made.ctimeMs < usableHours * 3_600_000) return snapshot

  const began = performance.now()
  say('installing Tekton into an empty cluster, to start from its data from now on')
  const unfinished = `${snapshot}.unfinished`
  await rm(join(cache, 'snapshots'), { recursive: true, force: true })
  await mkdir(join(cache, 'snapshots'), { recursive: true, mode: 0o700 })
  const code = await runInNamespaces({ kind: 'snapshot', built, target: unfinished })
  if (code !== 0) throw new RigError('the snapshot of a cluster could not be made; the reason is above')
  await rename(unfinished, snapshot)
  say(`made the snapshot in ${((performance.now() - began) / 1000).toFixed(1)} s`)
  return snapshot
}
