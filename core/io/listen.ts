import { chmod, lstat, unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'

export type ListenOn =
  /** `port` 0 takes a free one. */
  | { readonly address: string; readonly port: number }
  /** A Unix socket; `mode` are its permissions, default 0o600. A dead socket file in its place is removed. */
  | { readonly path: string; readonly mode?: number }

const backlog = 511

/** Resolves when the server accepts connections. @throws the error of `listen`, such as `EADDRINUSE` */
export async function listen(server: Server, on: ListenOn): Promise<void> {
  if (!('path' in on)) return await bind(server, { host: on.address, port: on.port, backlog })
  await removeDeadSocket(on.path)
  await bind(server, { path: on.path, backlog })
  await chmod(on.path, on.mode ?? 0o600)
}

/** The port that the server got; 0 for a Unix socket. */
export function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function bind(server: Server, options: Parameters<Server['listen']>[0]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** A process that was killed leaves its socket file behind; one that somebody answers on is left alone. */
async function removeDeadSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found?.isSocket() && !(await isAnswered(path))) await unlink(path)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
