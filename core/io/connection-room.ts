import type { Server } from 'node:http'
import type { Socket } from 'node:net'

interface Limits {
  readonly maxConnections: number
  readonly maxConnectionsPerAddress: number
}

/** From here on sockets that wait for a next request make room for those that have one. */
const crowded = 0.9

/**
 * Keeps one client from taking every connection of a server: an address gets so many and no more, and when the server is
 * nearly full the idle sockets are closed, whose clients open another at need. Loopback and Unix sockets are not counted
 * by address, since all of a proxy in the pod comes from there.
 */
export function keepRoom(server: Pick<Server, 'prependListener' | 'closeIdleConnections'>, limits: Limits): void {
  const counts = new Map<string, number>()
  let total = 0

  function release(address: string | undefined): void {
    total -= 1
    if (address === undefined) return
    const left = (counts.get(address) ?? 1) - 1
    if (left === 0) counts.delete(address)
    else counts.set(address, left)
  }

  // Before the server's own listener: a socket that has not sent anything yet is idle to it, and this one is to stay.
  server.prependListener('connection', (socket: Socket) => {
    const address = countedAddress(socket)
    const ofAddress = address === undefined ? 0 : (counts.get(address) ?? 0) + 1
    if (ofAddress > limits.maxConnectionsPerAddress) {
      socket.destroy()
      return
    }
    if (address !== undefined) counts.set(address, ofAddress)
    total += 1
    socket.once('close', () => release(address))
    if (total > limits.maxConnections * crowded) server.closeIdleConnections()
  })
}

function countedAddress({ remoteAddress }: Socket): string | undefined {
  return remoteAddress === undefined || /^(?:::ffff:)?127\.|^::1$/.test(remoteAddress) ? undefined : remoteAddress
}
