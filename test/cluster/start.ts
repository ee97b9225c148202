import { tryLock } from './rig/lock.ts'
import { runInNamespaces } from './rig/namespaces.ts'
import { cache } from './rig/places.ts'
import { prepareCluster } from './rig/prepare.ts'
import { fail, RigError, say } from './rig/progress.ts'

/** `npm run cluster`: a cluster for a person, until Ctrl-C. */
async function main(): Promise<number> {
  if (!(await tryLock('cluster'))) throw new RigError(`a cluster is running already from ${cache}; end that one first`)
  const code = await runInNamespaces(await prepareCluster())
  if (code === 0) say('the cluster is gone')
  return code
}

main().then((code) => process.exit(code), fail)
