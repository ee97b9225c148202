import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { isIPv6 } from 'node:net'
import type { Clock } from '../clock.ts'
import { keepRoom } from './connection-room.ts'
import { createDrain } from './drain.ts'
import { type ListenOn, listen, portOf } from './listen.ts'
import { answerBrokenRequest, guardRequests, refuseExpectation } from './request-guard.ts'
import { type CertificateFiles, loadCertificates } from './server-certificates.ts'
import { systemClock } from './system.ts'
import { type TlsMaterial, tlsOptions } from './tls-material.ts'

/** Bounds of one listener. Defaults in {@link defaultLimits}. */
export interface ServerLimits {
  readonly headersTimeoutMs: number
  /** From the first byte to the last one of a request. */
  readonly requestTimeoutMs: number
  /** How long an idle socket stays; above what clients keep (30 to 60 s), so that we do not close under a request. */
  readonly keepAliveTimeoutMs: number
  /** A socket without a byte in either direction for so long is closed: slow readers of answers, dead peers. */
  readonly silenceTimeoutMs: number
  readonly maxConnections: number
  /** Connections of one address, so that no client takes them all; loopback is not counted. */
  readonly maxConnectionsPerAddress: number
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  /** After so many requests a socket is closed, so that load spreads over replicas again. */
  readonly maxRequestsPerSocket: number
}

export const defaultLimits: ServerLimits = {
  headersTimeoutMs: 5000,
  requestTimeoutMs: 10_000,
  keepAliveTimeoutMs: 65_000,
  silenceTimeoutMs: 120_000,
  maxConnections: 1024,
  maxConnectionsPerAddress: 256,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 64,
  maxRequestsPerSocket: 10_000,
}

export type StartOptions = ListenOn & {
  /** PEM files; they are followed when they change, the minimum stays TLS 1.2. */
  readonly tls?: CertificateFiles
  readonly limits?: Partial<ServerLimits>
  /** How often the certificate files are looked at. Default 10 s. */
  readonly reloadMs?: number
  /** Told of what a handler threw, and of certificate files that cannot be used while the last good ones are. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
}

export interface RunningServer {
  /** `http://127.0.0.1:8080`, or `unix:<path>`. */
  readonly url: string
  /** 0 for a Unix socket. */
  readonly port: number
  /** Looks at the certificate files now. */
  reload(): Promise<void>
  /**
   * Stops accepting, lets running requests finish, closes idle sockets, and breaks what is left after `graceMs`.
   * Resolves when every socket is gone; further calls wait for the same end.
   */
  close(graceMs: number): Promise<void>
}

/**
 * Starts a listener with every limit set. Ambiguous requests (see {@link guardRequests}) and broken ones are answered
 * 400 in JSON and never reach `handler`.
 *
 * @throws the error of `listen` (`EADDRINUSE`, `EACCES`), or of the certificate files
 */
export async function startServer(handler: RequestListener, options: StartOptions): Promise<RunningServer> {
  const limits = { ...defaultLimits, ...options.limits }
  const { tls, clock = systemClock, onError = () => undefined } = options
  const certificates = tls ? await loadCertificates(tls, { clock, onError }) : undefined
  const drain = createDrain()
  const guarded = guardRequests(drain.track(handler), { maxHeaders: limits.maxHeaders, onError })
  const server = createServer(guarded, limits, certificates?.initial)
  server.on('clientError', answerBrokenRequest)
  server.on('checkExpectation', refuseExpectation)
  keepRoom(server, limits)
  drain.attach(server)
  await listen(server, options)
  // From here on an error of the server itself (out of descriptors) must not end the process.
  server.on('error', onError)

  const reload = async (): Promise<void> => await certificates?.reload(server).catch(onError)
  const timer = certificates ? setInterval(reload, options.reloadMs ?? 10_000).unref() : undefined
  let closing: Promise<void> | undefined
  const port = portOf(server)
  return Object.freeze({
    url: 'path' in options ? `unix:${options.path}` : urlOf(options.address, port, tls !== undefined),
    port,
    reload,
    close: async (graceMs: number) => {
      clearInterval(timer)
      closing ??= drain.close(server, graceMs)
      await closing
    },
  })
}

function createServer(handler: RequestListener, limits: ServerLimits, material: TlsMaterial | undefined): Server {
  const common: ServerOptions = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    // How often the timeouts above are enforced; Node's default of 30 s would let a slow client stay six times as long.
    connectionsCheckingInterval: 1000,
    insecureHTTPParser: false,
    // The guard refuses it: Node's own answer has no body.
    requireHostHeader: false,
    noDelay: true,
  }
  const server = material
    ? createHttpsServer({ ...common, ...tlsOptions(material), handshakeTimeout: limits.headersTimeoutMs }, handler)
    : createHttpServer(common, handler)
  server.timeout = limits.silenceTimeoutMs
  server.maxConnections = limits.maxConnections
  // Node 24 drops what is over its count without a word: one more lets the guard see that it was too many.
  server.maxHeadersCount = limits.maxHeaders + 1
  server.maxRequestsPerSocket = limits.maxRequestsPerSocket
  // Node answers what comes after the last request of a socket with 503, but leaves the socket open.
  server.on('dropRequest', (_request, socket) => setImmediate(() => socket.end()))
  return server
}

function urlOf(address: string, port: number, isTls: boolean): string {
  const host = isIPv6(address) ? `[${address}]` : address
  return `${isTls ? 'https' : 'http'}://${host}:${port}`
}
