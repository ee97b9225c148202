import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { enterCommand, importIntoRunning, runningCluster } from './rig/entry.ts'
import { tryLock } from './rig/lock.ts'
import { runInNamespaces } from './rig/namespaces.ts'
import { logs, repository } from './rig/places.ts'
import { prepareCluster } from './rig/prepare.ts'
import { fail, RigError, say } from './rig/progress.ts'

/**
 * `npm run test:cluster [-- vitest arguments]`: the cluster tests, on a fresh cluster of their own; on the one that
 * `npm run cluster` keeps running; or on any other that KUBECONFIG names. Ends with vitest's exit code.
 */
async function main(): Promise<number> {
  const vitest = [process.execPath, join(repository, 'node_modules/vitest/vitest.mjs')]
  const command = [...vitest, 'run', '--project', 'cluster', ...process.argv.slice(2)]
  if (process.env['KUBECONFIG']) {
    say(`KUBECONFIG is set: testing on ${process.env['KUBECONFIG']}, no cluster is started`)
    return follow(command)
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
  return follow(enterCommand(running, command))
}

function follow(command: readonly string[]): Promise<number> {
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd: repository, stdio: 'inherit' })
  process.on('SIGINT', () => undefined)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

main().then((code) => process.exit(code), fail)
