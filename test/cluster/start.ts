import { tryLock } from './rig/lock.ts'
import { runInNamespaces } from './rig/namespaces.ts'
import { cache } from './rig/places.ts'
import { prepareCluster } from './rig/prepare.ts'
import { fail, RigError } from './rig/progress.ts'

/** `npm run cluster`: a cluster for a person, until Ctrl-C. */
async function main(): Promise<number> {
  if (!(await tryLock('cluster'))) throw new RigError(`a cluster is running already from ${cache}; end that one first`)
  return runInNamespaces(await prepareCluster())
}

main().then((code) => process.exit(code), fail)
