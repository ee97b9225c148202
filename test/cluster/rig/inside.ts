import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeSnapshot, startCluster } from './cluster.ts'
import { follow } from './command.ts'
import { insideEnvironment } from './environment.ts'
import type { ImageNames } from './facts.ts'
import { installCommand } from './install-command.ts'
import { hostAddress, repository, state } from './places.ts'
import type { Plan } from './plan.ts'
import { fail, say } from './progress.ts'
import { Supervisor } from './supervisor.ts'

/** The first program inside the private namespaces. Whatever it started ends with it. */
async function main(): Promise<number> {
  const plan = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Plan
  if (plan.kind === 'snapshot') {
    await makeSnapshot(plan.built, plan.target)
    return 0
  }
  const began = performance.now()
  const supervisor = new Supervisor()
  await startCluster(supervisor, plan)
  say(`cluster ready after ${((performance.now() - began) / 1000).toFixed(1)} s`)
  const work = plan.command ? follow(plan.command, { cwd: repository, env: insideEnvironment() }) : stay(plan.images)
  return Promise.race([work, supervisor.ended])
}

function stay(images: ImageNames): Promise<number> {
  process.stdout.write(`
A Kubernetes cluster with Tekton is running. It ends with Ctrl-C, and nothing of it stays.

  API server        https://${hostAddress}:6443, inside a private network namespace
  this machine      ${hostAddress}, as seen from pods; processes you start inside are reachable there
  KUBECONFIG        ${join(state, 'admin.kubeconfig')}
  logs              one file per component in ${join(state, '..', 'logs')}

Next, in another terminal:

  npm run cluster:enter                              a shell inside, with kubectl, helm and KUBECONFIG
  npm run cluster:enter -- kubectl get pods -A       one command inside
  npm run test:cluster                               the tests, on this cluster instead of a fresh one

Inside, this installs the product from here, and again after an edit of the chart:

  ${installCommand(images)}
`)
  return new Promise((resolve) => {
    // a listener alone does not keep the process alive
    const timer = setInterval(() => undefined, 60_000)
    process.once('SIGINT', () => {
      clearInterval(timer)
      resolve(0)
    })
  })
}

main().then((code) => process.exit(code), fail)
