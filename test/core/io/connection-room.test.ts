import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { keepRoom } from '../../../core/io/connection-room.ts'

class FakeSocket extends EventEmitter {
  isDestroyed = false
  readonly remoteAddress: string | undefined

  constructor(remoteAddress: string | undefined) {
    super()
    this.remoteAddress = remoteAddress
  }

  destroy(): void {
    this.isDestroyed = true
    this.emit('close')
  }
}

class FakeServer extends EventEmitter {
  cleared = 0

  closeIdleConnections(): void {
    this.cleared += 1
  }

  connect(address: string | undefined): FakeSocket {
    const socket = new FakeSocket(address)
    this.emit('connection', socket as unknown as Socket)
    return socket
  }
}

function roomOf(limits: { maxConnections?: number; maxConnectionsPerAddress?: number } = {}): FakeServer {
  const server = new FakeServer()
  keepRoom(server as unknown as Parameters<typeof keepRoom>[0], {
    maxConnections: 1000,
    maxConnectionsPerAddress: 2,
    ...limits,
  })
  return server
}

describe('keepRoom', () => {
  it('refuses an address more sockets than its share, until it has given one back', () => {
    const server = roomOf()
    const [first] = [server.connect('10.0.0.1'), server.connect('10.0.0.1')]

    expect(server.connect('10.0.0.1').isDestroyed).toBe(true)
    expect(server.connect('10.0.0.2').isDestroyed).toBe(false)
    first?.destroy()
    expect(server.connect('10.0.0.1').isDestroyed).toBe(false)
    expect(server.connect('10.0.0.1').isDestroyed).toBe(true)
  })

  it.each(['127.0.0.1', '127.0.0.6', '::ffff:127.0.0.1', '::1', undefined])('does not count %s', (address) => {
    const server = roomOf()

    expect(Array.from({ length: 5 }, () => server.connect(address).isDestroyed)).not.toContain(true)
  })

  it('closes idle sockets when the server is nearly full', () => {
    const server = roomOf({ maxConnections: 10 })
    const sockets = Array.from({ length: 9 }, () => server.connect('::1'))
    expect(server.cleared).toBe(0)

    sockets.push(server.connect('::1'))
    expect(server.cleared).toBe(1)
    for (const socket of sockets.slice(5)) socket.destroy()
    server.connect('::1')
    expect(server.cleared).toBe(1)
  })
})
