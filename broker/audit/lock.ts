import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { errorCode } from '../../core/io/error-code.ts'
import { JournalUnusable } from './journal-unusable.ts'

/** Who holds a lock, precise enough that a process with the same id after a restart is somebody else. */
interface Holder {
  readonly hostname: string
  readonly pid: number
  /** Start of the process in clock ticks since boot; containers start with the same pid again and again. */
  readonly started: string | undefined
  readonly boot: string | undefined
}

const fileName = 'journal.lock'

/**
 * Makes this process the only writer of a directory. The lock of a process of this host that is gone is taken over; one
 * of another host is not, as nobody here can tell whether that process lives.
 *
 * @param id makes the names of temporary files unique
 * @returns lets go of the directory
 * @throws JournalUnusable `locked`
 */
export async function lockDirectory(directory: string, id: string): Promise<() => Promise<void>> {
  const path = join(directory, fileName)
  const claim = join(directory, `${fileName}.${id}`)
  const content = JSON.stringify(await describeProcess(process.pid))
  await writeFile(claim, content, { flag: 'wx', mode: 0o600 })
  try {
    if (!(await take(claim, path))) await takeOver(claim, path)
  } finally {
    await rm(claim, { force: true })
  }
  return async () => {
    if ((await readText(path)) === content) await rm(path, { force: true })
  }
}

/** A hard link appears with its content or not at all, and to one process only. */
async function take(claim: string, path: string): Promise<boolean> {
  try {
    await link(claim, path)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

async function takeOver(claim: string, path: string): Promise<void> {
  const held = await readText(path)
  const holder = parseHolder(held)
  if (holder !== undefined && (await mayLive(holder))) throw locked(path, holder)

  // Move it aside and look again: another process may have taken the stale lock over since it was read.
  const aside = `${claim}.stale`
  if (held !== undefined) await rename(path, aside).catch(() => undefined)
  const isStale = (await readText(aside)) === held
  if (!isStale) await take(aside, path)
  await rm(aside, { force: true })
  if (!isStale || !(await take(claim, path))) throw locked(path, parseHolder(await readText(path)))
}

function locked(path: string, holder: Holder | undefined): JournalUnusable {
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.hostname}`
  const mend = `stop it, or remove ${path} when it is certain that it does not run any more`
  return new JournalUnusable('locked', `The audit journal is in use by ${who}: ${mend}`)
}

async function mayLive(holder: Holder): Promise<boolean> {
  if (holder.hostname !== hostname()) return true
  const now = await describeProcess(holder.pid)
  if (holder.boot !== undefined && now.boot !== undefined && holder.boot !== now.boot) return false
  if (holder.started !== undefined && now.boot !== undefined) return holder.started === now.started
  return isRunning(holder.pid)
}

async function describeProcess(pid: number): Promise<Holder> {
  const [boot, stat] = await Promise.all([readText('/proc/sys/kernel/random/boot_id'), readText(`/proc/${pid}/stat`)])
  // Field 22; the name in parentheses may hold blanks, so count from behind it.
  const started = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  return { hostname: hostname(), pid, started, boot: boot?.trim() }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return errorCode(error) !== 'ESRCH'
  }
}

/** @returns `undefined` for a lock that a power cut left without content: its process is gone */
function parseHolder(content: string | undefined): Holder | undefined {
  try {
    const { hostname: host, pid, started, boot } = JSON.parse(content ?? '')
    if (typeof host !== 'string' || !Number.isSafeInteger(pid) || pid < 1) return undefined
    return { hostname: host, pid, started, boot }
  } catch {
    return undefined
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}
