import type { RequestListener } from 'node:http'
import { errorCode } from '../../core/io/error-code.ts'
import { type RunningServer, startServer } from '../../core/io/http-server.ts'
import type { ListenAddress } from './config-schema.ts'

export interface ListenersOptions {
  readonly listen: ListenAddress
  readonly health: ListenAddress
  /** Unix sockets of the same API. */
  readonly socketPaths: readonly string[]
}

export interface Listeners {
  readonly url: string
  readonly healthUrl: string
  /** Breaks every connection. */
  close(): Promise<void>
}

/** An address cannot be listened on; the text says which and why. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

const localLimits = { maxHeaderBytes: 8192, maxConnections: 256, headersTimeoutMs: 5000, requestTimeoutMs: 10_000 }
const healthLimits = { ...localLimits, maxConnections: 32, keepAliveTimeoutMs: 5000 }

/**
 * Opens all listeners or none.
 *
 * @param api makes the local API for exact values of `Host`, which hold the port and so are known only afterwards
 * @throws ListenError
 */
export async function openListeners(
  api: (hosts: ReadonlySet<string>) => RequestListener,
  health: RequestListener,
  options: ListenersOptions,
): Promise<Listeners> {
  const hosts = new Set(['localhost'])
  const handler = api(hosts)
  const servers: RunningServer[] = []
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close(0)))
  }
  const start = async (where: string, opening: Promise<RunningServer>): Promise<RunningServer> => {
    try {
      const server = await opening
      servers.push(server)
      return server
    } catch (cause) {
      throw new ListenError(`${errorCode(cause) ?? 'no listener'} at ${where}`, { cause })
    }
  }

  try {
    for (const path of options.socketPaths) {
      // Any user may connect, as a step runs as any user; the directory is the step's alone and the key is asked for.
      await start(path, startServer(handler, { path, mode: 0o666, limits: localLimits }))
    }
    const local = await start(spell(options.listen), startServer(handler, { ...options.listen, limits: localLimits }))
    hosts.add(new URL(local.url).host).add(`localhost:${local.port}`)
    const healthServer = await start(spell(options.health), startHealth(health, options.health))
    return Object.freeze({ url: local.url, healthUrl: healthServer.url, close })
  } catch (error) {
    await close()
    throw error
  }
}

/** Every address means both families where the pod has both, and IPv4 alone where the node has no IPv6. */
async function startHealth(handler: RequestListener, { address, port }: ListenAddress): Promise<RunningServer> {
  const limits = healthLimits
  if (address !== '') return await startServer(handler, { address, port, limits })
  try {
    return await startServer(handler, { address: '::', port, limits })
  } catch (error) {
    if (errorCode(error) !== 'EAFNOSUPPORT' && errorCode(error) !== 'EADDRNOTAVAIL') throw error
    return await startServer(handler, { address: '0.0.0.0', port, limits })
  }
}

function spell({ address, port }: ListenAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
