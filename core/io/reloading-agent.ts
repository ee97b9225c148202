import { Agent, errors } from 'undici'
import type { Fresh } from './fresh.ts'
import { type TlsMaterial, tlsOptions } from './tls-material.ts'

export interface AgentLimits {
  readonly connectTimeoutMs: number
  /** Sockets per origin; null for no limit. */
  readonly connections: number | null
  /** How long an idle socket is kept; below the server's own limit, or it closes under a request. */
  readonly keepAliveMs: number
  /** Name to verify the server's certificate against, where it is not the host of the URL. */
  readonly serverName?: string
  /** Speak to a Unix socket instead of the URL's host. */
  readonly socketPath?: string
}

/** One undici Agent that is replaced when its certificates change. */
export interface ReloadingAgent {
  /** Never keep it: ask again for each request. @throws ClientDestroyedError after `close` */
  current(): Promise<Agent>
  /** Ends idle sockets and breaks those in use. */
  close(): Promise<void>
}

/** Builds agents without HTTP/2, without redirects, with verification that no environment variable can switch off. */
export function createReloadingAgent(material: Fresh<TlsMaterial>, limits: AgentLimits): ReloadingAgent {
  let built: { readonly from: TlsMaterial; readonly agent: Agent } | undefined
  const retired = new Set<Agent>()
  let isClosed = false

  async function retire(agent: Agent): Promise<void> {
    retired.add(agent)
    await agent.close()
    retired.delete(agent)
  }

  return Object.freeze({
    async current(): Promise<Agent> {
      const from = await material.current()
      if (isClosed) throw new errors.ClientDestroyedError()
      if (built?.from === from) return built.agent
      // Requests under way finish on the old sockets; close() of an Agent rejects only when it was destroyed meanwhile.
      if (built) void retire(built.agent).catch(() => undefined)
      built = { from, agent: buildAgent(from, limits) }
      return built.agent
    },
    async close(): Promise<void> {
      isClosed = true
      const agents = built ? [...retired, built.agent] : [...retired]
      await Promise.all(agents.map((agent) => agent.destroy()))
    },
  })
}

function buildAgent(material: TlsMaterial, limits: AgentLimits): Agent {
  return new Agent({
    allowH2: false,
    pipelining: 1,
    connections: limits.connections,
    keepAliveTimeout: limits.keepAliveMs,
    keepAliveMaxTimeout: limits.keepAliveMs,
    connect: {
      ...tlsOptions(material),
      rejectUnauthorized: true,
      timeout: limits.connectTimeoutMs,
      ...(limits.serverName === undefined ? {} : { servername: limits.serverName }),
      ...(limits.socketPath === undefined ? {} : { socketPath: limits.socketPath }),
    },
  })
}
