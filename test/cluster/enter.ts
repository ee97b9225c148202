import { follow } from './rig/command.ts'
import { enterCommand, runningCluster } from './rig/entry.ts'
import { insideEnvironment } from './rig/environment.ts'
import { fail, RigError } from './rig/progress.ts'

const { SHELL = 'sh' } = process.env

/** `npm run cluster:enter [-- command…]`: runs a command, or a shell, inside the running cluster's namespaces. */
async function main(): Promise<number> {
  const running = await runningCluster()
  if (!running) throw new RigError('no cluster is running: start one with `npm run cluster`')
  const asked = process.argv.slice(2)
  return follow(enterCommand(running, asked.length > 0 ? asked : [SHELL]), { env: insideEnvironment() })
}

main().then((code) => process.exit(code), fail)
