import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** Knows the sockets and the unfinished answers of one server, so that it can end without breaking any. */
export interface Drain {
  /** Wraps the handler. */
  track(handler: Handler): Handler
  /** To be called before the server listens. */
  attach(server: Server): void
  /** Resolves when every socket is gone: by itself, or broken after `graceMs`. */
  close(server: Server, graceMs: number): Promise<void>
}

/** Makes the drain of one server. */
export function createDrain(): Drain {
  const answers = new Set<ServerResponse>()
  const sockets = new Set<Socket>()
  let isDraining = false

  return Object.freeze({
    track(handler: Handler): Handler {
      return (request, response) => {
        answers.add(response)
        if (isDraining) announceEnd(response)
        response.once('close', () => answers.delete(response))
        return handler(request, response)
      }
    },

    attach(server: Server): void {
      server.on('connection', (socket: Socket) => {
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
      })
    },

    async close(server: Server, graceMs: number): Promise<void> {
      isDraining = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const answer of answers) {
        announceEnd(answer)
        // Its headers may be on the way already, saying keep-alive; then the socket is idle once it is finished.
        answer.once('close', () => setImmediate(() => server.closeIdleConnections()))
      }
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, graceMs)
      await closed
      clearTimeout(timer)
    },
  })
}

/** Tells the client to open another socket, at another replica, for its next request. */
function announceEnd(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}
