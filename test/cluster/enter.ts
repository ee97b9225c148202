import { spawn } from 'node:child_process'
import { enterCommand, runningCluster } from './rig/entry.ts'
import { fail, RigError } from './rig/progress.ts'

/** `node test/cluster/enter.ts [command…]`: runs a command, or a shell, inside the running cluster's namespaces. */
async function main(): Promise<number> {
  const running = await runningCluster()
  if (!running) throw new RigError('no cluster is running: start one with `npm run cluster`')
  const asked = process.argv.slice(2)
  const [program = '', ...args] = enterCommand(running, asked.length > 0 ? asked : [process.env['SHELL'] ?? 'sh'])
  const child = spawn(program, args, { stdio: 'inherit' })
  process.on('SIGINT', () => undefined)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

main().then((code) => process.exit(code), fail)
