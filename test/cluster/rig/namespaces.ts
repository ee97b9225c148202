import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { cgroup, repository, state } from './places.ts'
import type { Plan } from './plan.ts'

/** File with the process id, as this machine sees it, of the first process inside the namespaces. */
export const entryFile = join(state, 'entry.json')

/**
 * Runs a plan inside fresh network, mount and process namespaces and gives its exit code. The kernel ends every process
 * in there together with the first one, however that or this process comes to its end; the rest is swept up here.
 */
export async function runInNamespaces(plan: Plan): Promise<number> {
  await sweep()
  await mkdir(state, { recursive: true, mode: 0o700 })
  await createCgroups()
  const planFile = join(state, 'plan.json')
  await writeFile(planFile, JSON.stringify(plan))
  try {
    return await enter(planFile, plan.kind === 'cluster' ? plan.command : undefined)
  } finally {
    await sweep()
  }
}

async function enter(planFile: string, command: readonly string[] | undefined): Promise<number> {
  const namespaces = ['unshare', '-n', '-m', '-p', '--fork', '--kill-child', '--mount-proc']
  // sh is the first process because it collects orphans, which Node would leave as zombies; it leaves Ctrl-C to Node
  const first = ['sh', '-c', 'trap : INT; "$@"; exit $?', 'sh']
  const inside = [process.execPath, join(import.meta.dirname, 'inside.ts'), planFile]
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...namespaces, ...first, ...inside], {
    cwd: repository,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const restoreSignals = endOnSignals(child)
  try {
    const exit = new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => resolve(code ?? 1))
    })
    if (child.pid) await writeFile(entryFile, JSON.stringify({ pid: await firstChild(child.pid), forPeople: !command }))
    return await exit
  } finally {
    restoreSignals()
  }
}

/** A first Ctrl-C also reaches the processes inside, which end in their own way; a second one, or SIGTERM, is final. */
function endOnSignals(child: ChildProcess): () => void {
  let interrupts = 0
  const end = (): void => {
    child.kill('SIGKILL')
  }
  const interrupt = (): void => {
    interrupts += 1
    if (interrupts > 1) end()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', end)
  process.on('SIGHUP', end)
  return () => {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', end)
    process.off('SIGHUP', end)
  }
}

async function firstChild(pid: number): Promise<number | null> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
    if (children.trim()) return Number(children.trim().split(' ')[0])
    await pause(10)
  }
  return null
}

/** Removes the state of a run that has ended, this one or one that was cut off. */
async function sweep(): Promise<void> {
  for (const folder of await cgroupFolders()) await removeCgroup(folder)
  await rm(state, { recursive: true, force: true })
}

async function createCgroups(): Promise<void> {
  for (const folder of await cgroupFolders()) {
    await mkdir(folder, { recursive: true })
    for (const [file, share] of Object.entries(podShare)) {
      if ((await readdir(folder)).includes(file)) await writeFile(join(folder, file), share)
    }
  }
}

/**
 * Processor time of all pods together, beside everything else on this machine, each thread of which counts as much as a
 * whole cgroup: with the default a busy machine starves the pods, and an admission webhook is given up after 2 s.
 */
const podShare = { 'cpu.shares': '16384', 'cpu.weight': '1600' } as const

/** The rig's cgroup in each hierarchy of version 1, or the single one of version 2. */
async function cgroupFolders(): Promise<readonly string[]> {
  const root = '/sys/fs/cgroup'
  if ((await readdir(root)).includes('cgroup.controllers')) return [join(root, cgroup)]
  const folders: string[] = []
  for (const name of await readdir(root)) {
    if ((await stat(join(root, name))).isDirectory()) folders.push(join(root, name, cgroup))
  }
  return folders
}

// a cgroup can be removed once its last process is gone, which takes the kernel a moment after the kill
async function removeCgroup(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (entry.isDirectory()) await removeCgroup(join(folder, entry.name))
  }
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      return await rmdir(folder)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'EBUSY') return
    }
    await pause(20)
  }
}
