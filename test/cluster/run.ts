import { join } from 'node:path'
import { follow } from './rig/command.ts'
import { enterCommand, importIntoRunning, runningCluster } from './rig/entry.ts'
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
  if (await tryLock('cluster')) {
    const code = await runInNamespaces(await prepareCluster(command))
    say(code === 0 ? 'passed, and the cluster is gone' : `failed with exit code ${code}; logs are in ${logs}`)
    return code
  }
  const running = await runningCluster()
  if (!running?.forPeople) {
    throw new RigError(
      'another `npm run test:cluster` is at work; wait for it, or give this one an XDG_CACHE_HOME of its own',
    )
  }
  say('testing on the cluster that `npm run cluster` keeps running')
  await importIntoRunning()
  return follow(enterCommand(running, command), { cwd: repository, env: insideEnvironment() })
}

main().then((code) => process.exit(code), fail)
