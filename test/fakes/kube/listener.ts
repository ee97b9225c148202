import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface TlsMaterial {
  /** PEM. */
  readonly key: string
  readonly cert: string
}

/** A server on 127.0.0.1 that can go away and come back on the same port. */
export interface Listener {
  url(): string
  port(): number
  /** @throws Error when the port is taken */
  open(): Promise<void>
  /** Stops listening and resets every connection. */
  shut(): Promise<void>
}

export function createListener(onRequest: RequestListener, port: number, tls: TlsMaterial | undefined): Listener {
  let server: Server | undefined
  let chosenPort = port

  function build(): Server {
    const built = tls === undefined ? createHttpServer(onRequest) : createHttpsServer({ ...tls }, onRequest)
    built.keepAliveTimeout = 90_000
    built.requestTimeout = 60_000
    return built
  }

  return Object.freeze({
    url: () => `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${chosenPort}`,
    port: () => chosenPort,
    async open() {
      if (server !== undefined) return
      const opening = build()
      await new Promise<void>((resolve, reject) => {
        opening.once('error', reject)
        opening.listen(chosenPort, '127.0.0.1', () => {
          opening.removeListener('error', reject)
          resolve()
        })
      })
      chosenPort = (opening.address() as AddressInfo).port
      server = opening
    },
    async shut() {
      const closing = server
      server = undefined
      if (closing === undefined) return
      await new Promise<void>((resolve) => {
        closing.close(() => resolve())
        closing.closeAllConnections()
      })
    },
  } satisfies Listener)
}
