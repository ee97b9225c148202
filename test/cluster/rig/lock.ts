import { createServer, type Server } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { rigId } from './places.ts'
import { say } from './progress.ts'

/**
 * A lock on a name, held until `release` or the end of this process.
 *
 * It is a listening socket in Linux's abstract namespace: the kernel drops it with its process however that dies, so
 * there is no stale lock file to explain to anybody.
 */
export interface Lock {
  release(): Promise<void>
}

/** The lock, or nothing when somebody else has it. */
export async function tryLock(name: string): Promise<Lock | undefined> {
  const server = createServer((socket) => socket.destroy())
  const taken = await listen(server, `\0tekton-token-broker/${rigId}/${name}`)
  if (!taken) return undefined
  server.unref()
  return { release: () => new Promise((resolve) => server.close(() => resolve())) }
}

/** Runs `work` alone; says so once when it has to wait for another process. */
export async function withLock<T>(name: string, work: () => Promise<T>): Promise<T> {
  let lock = await tryLock(name)
  if (!lock) say(`another process is at work on "${name}"; waiting for it`)
  while (!lock) {
    await pause(250)
    lock = await tryLock(name)
  }
  try {
    return await work()
  } finally {
    await lock.release()
  }
}

function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    server.listen({ path }, () => resolve(true))
  })
}
