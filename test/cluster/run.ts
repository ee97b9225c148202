import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { follow } from './rig/command.ts'
import { enterCommand, importIntoRunning, type RunningCluster, runningCluster } from './rig/entry.ts'
import { insideEnvironment } from './rig/environment.ts'
import { tryLock } from './rig/lock.ts'
import { runInNamespaces } from './rig/namespaces.ts'
import { logs, repository } from './rig/places.ts'
import { prepareCluster } from './rig/prepare.ts'
import { fail, RigError, say } from './rig/progress.ts'

const { KUBECONFIG } = process.env

/**
 * `npm run test:cluster [-- vitest arguments]`: the cluster tests, on a fresh cluster of their own; on the one that
 * `npm run cluster` keeps running; or on any other that KUBECONFIG names. Ends with vitest's exit code.
 */
async function main(): Promise<number> {
  const vitest = [process.execPath, join(repository, 'node_modules/vitest/vitest.mjs')]
  const command = [...vitest, 'run', '--project', 'cluster', ...process.argv.slice(2)]
  if (KUBECONFIG) {
    say(`KUBECONFIG is set: testing on ${KUBECONFIG}, no cluster is started`)
    return follow(command, { cwd: repository })
  }
  const running = await clusterOrLock()
  if (running) {
    say('testing on the cluster that `npm run cluster` keeps running')
    await importIntoRunning()
    return follow(enterCommand(running, command), { cwd: repository, env: insideEnvironment() })
  }
  const code = await runInNamespaces(await prepareCluster(command))
  say(code === 0 ? 'passed, and the cluster is gone' : `failed with exit code ${code}; logs are in ${logs}`)
  return code
}

/** The cluster that a person keeps running; or nothing, with the right to start one, after other runs have ended. */
async function clusterOrLock(): Promise<RunningCluster | undefined> {
  const deadline = performance.now() + 15 * 60_000
  let told = false
  while (performance.now() < deadline) {
    if (await tryLock('cluster')) return undefined
    const running = await runningCluster()
    if (running?.forPeople) return running
    if (!told) say('another cluster is at work from the same cache; waiting for its end')
    told = true
    await pause(500)
  }
  throw new RigError('another cluster is still at work after 15 minutes; give this one an XDG_CACHE_HOME of its own')
}

main().then((code) => process.exit(code), fail)
