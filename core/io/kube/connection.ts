import type { Agent } from 'undici'
import type { Clock } from '../../clock.ts'
import type { Secret } from '../../secret.ts'
import { isLoopback } from '../loopback.ts'
import { createReloadingAgent } from '../reloading-agent.ts'
import { createTlsMaterial, type PemSource, type TlsSources } from '../tls-material.ts'
import { createBearer, type TokenSource } from './bearer.ts'

/** Who we are to which API server. Files are followed when they change. */
export interface KubeCredentials {
  /** `https://host:port`, with a path prefix where a gateway stands before it. Plain http on loopback only. */
  readonly server: string
  readonly ca?: PemSource
  /** Name in the server's certificate, where it is not the host of `server`. */
  readonly serverName?: string
  readonly token?: TokenSource
  readonly cert?: PemSource
  readonly key?: TlsSources['key']
}

/** Sockets and identity of one client. */
export interface Connection {
  readonly origin: string
  /** Path prefix of every request, without a slash at its end. */
  readonly prefix: string
  /** Watches have sockets of their own: as many as there are watches, so that none ever keeps a request waiting. */
  agent(purpose: 'request' | 'watch'): Promise<Agent>
  token(): Promise<Secret | undefined>
  /** To be called on a 401. @returns true when another try may go better */
  renewToken(): boolean
  close(): Promise<void>
}

const limits = { connectTimeoutMs: 5000, keepAliveMs: 60_000 } as const

/** A changed certificate authority is taken up within this time. */
const materialMaxAgeMs = 30_000

/**
 * Checks the address and prepares agents; connects on the first request.
 *
 * @throws TypeError for an address that is no URL, holds a user, or is plain http beyond loopback
 */
export function createConnection(
  credentials: KubeCredentials,
  clock: Clock,
  onError: (error: unknown) => void,
): Connection {
  const server = serverUrl(credentials.server)
  const material = createTlsMaterial(
    {
      ...(credentials.ca ? { ca: credentials.ca } : {}),
      ...(credentials.cert ? { cert: credentials.cert } : {}),
      ...(credentials.key ? { key: credentials.key } : {}),
    },
    { clock, maxAgeMs: materialMaxAgeMs, onError },
  )
  const name = credentials.serverName === undefined ? {} : { serverName: credentials.serverName }
  const agents = {
    request: createReloadingAgent(material, { ...limits, ...name, connections: 16 }),
    watch: createReloadingAgent(material, { ...limits, ...name, connections: null }),
  }
  const bearer = createBearer(credentials.token, clock, onError)
  return Object.freeze({
    origin: server.origin,
    prefix: server.pathname.replace(/\/+$/, ''),
    agent: (purpose: 'request' | 'watch') => agents[purpose].current(),
    token: () => bearer.current(),
    renewToken: () => bearer.expire(),
    async close(): Promise<void> {
      await Promise.all([agents.request.close(), agents.watch.close()])
    },
  })
}

function serverUrl(text: string): URL {
  const url = URL.parse(text)
  if (!url || url.username + url.password + url.search + url.hash !== '') {
    throw new TypeError('The address of the API server must be a plain URL such as https://10.0.0.1:6443')
  }
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))) return url
  throw new TypeError('The address of the API server must be https (plain http is for loopback only)')
}
