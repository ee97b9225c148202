import { readdir, readFile } from 'node:fs/promises'
import { facts, kube } from '../harness/cluster.ts'
import { waitFor } from '../harness/wait.ts'
import { system } from './names.ts'
import { untilReachable } from './reachable.ts'

/**
 * Ends a container's process as a crash would: by SIGKILL where the node is this machine, else by deleting the pod
 * without grace.
 *
 * @returns resolves when the container runs again and can be reached
 */
export async function crash(pod: string, program: string): Promise<() => Promise<void>> {
  const client = await kube()
  const path = `/api/v1/namespaces/${system}/pods/${pod}`
  if (facts().pki === null) {
    await client.call('DELETE', path, { gracePeriodSeconds: 0 })
    return async () => undefined
  }
  const before = await restarts(path)
  for (const pid of await processesOf(program)) process.kill(pid, 'SIGKILL')
  return async () => {
    await waitFor(`${pod} runs again`, async () => (await restarts(path)) > before || undefined, { timeoutMs: 60_000 })
    await untilReachable()
  }
}

/** Does something while the processes of a program stand still on this machine. */
export async function whilePaused<T>(program: string, work: () => Promise<T>): Promise<T> {
  const processes = await processesOf(program)
  if (processes.length === 0) throw new Error(`no process of this machine runs ${program}`)
  for (const pid of processes) process.kill(pid, 'SIGSTOP')
  try {
    return await work()
  } finally {
    for (const pid of processes) process.kill(pid, 'SIGCONT')
  }
}

async function restarts(path: string): Promise<number> {
  const statuses: readonly { restartCount: number; ready: boolean }[] =
    (await (await kube()).get(path)).status?.containerStatuses ?? []
  return statuses.every((one) => one.ready) ? statuses.reduce((sum, one) => sum + one.restartCount, 0) : -1
}

/** Processes whose command line names this program. */
async function processesOf(program: string): Promise<readonly number[]> {
  const found: number[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const command = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
    if (command.split('\0').includes(program)) found.push(Number(entry))
  }
  return found
}
