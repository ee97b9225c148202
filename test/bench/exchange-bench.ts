import { join } from 'node:path'
import { type BenchWorld, issuerUrl, startBroker, startWorld, target } from './broker-world.ts'
import { formPost, load } from './load.ts'
import { median } from './report.ts'
import { type ServerProcess, startServerProcess } from './server-process.ts'

export interface ExchangeFigures {
  readonly name: string
  /** One figure for each round. */
  readonly perCpuSecond: readonly number[]
  readonly p50Ms: number
  readonly p99Ms: number
  readonly rssMiB: number
}

interface Contestant {
  readonly name: string
  readonly server: ServerProcess
  readonly port: number
  readonly requests: readonly Buffer[]
}

interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
  readonly pods: number
  readonly progress: (line: string) => void
}

/**
 * Requests per processor second of each server process, in interleaved rounds, so that the machine's drift hits all
 * alike. Every request carries the token of another pod.
 */
export async function benchExchanges(options: Options): Promise<readonly ExchangeFigures[]> {
  await using world = await startWorld(options.pods)
  const contestants = await startContestants(world)
  const rounds = new Map(
    contestants.map(({ name }) => [name, [] as { perCpu: number; p50Ms: number; p99Ms: number }[]]),
  )
  try {
    for (const contestant of contestants) await measure(contestant, { ...options, seconds: 2 })
    for (let round = 1; round <= options.rounds; round += 1) {
      for (const contestant of contestants) {
        const figures = await measure(contestant, options)
        rounds.get(contestant.name)?.push(figures)
        options.progress(
          `round ${round}: ${contestant.name.padEnd(34)} ${figures.perCpu.toFixed(0).padStart(7)} per CPU-s`,
        )
      }
    }
    return contestants.map(({ name, server }) => {
      const all = rounds.get(name) ?? []
      return {
        name,
        perCpuSecond: all.map((one) => one.perCpu),
        p50Ms: median(all.map((one) => one.p50Ms)),
        p99Ms: median(all.map((one) => one.p99Ms)),
        rssMiB: server.rssMiB(),
      }
    })
  } finally {
    for (const { server } of contestants) await server.stop()
  }
}

async function measure({ name, server, port, requests }: Contestant, { seconds, connections }: Options) {
  const before = server.cpuSeconds()
  const result = await load({ port, connections, seconds, requests })
  const cpu = server.cpuSeconds() - before
  if (result.failures > 0) throw new Error(`${name}: ${result.failures} of ${result.answers} answers were not 200`)
  return { perCpu: result.answers / cpu, p50Ms: result.p50Ms, p99Ms: result.p99Ms }
}

async function startContestants(world: BenchWorld): Promise<readonly Contestant[]> {
  const durable = await startBroker(world, { durability: 'fdatasync' })
  const memory = await startBroker(world, { durability: 'memory' })
  const bare = await startPeer('bare-http.ts', [])
  const peer = (algorithm: string) =>
    startPeer('oidc-provider.ts', [world.jwksFile, world.kubeUrl, issuerUrl, algorithm])
  const peerRs256 = await peer('RS256')
  const peerEs256 = await peer('ES256')
  const ours = (policy: string, port: number) =>
    world.tokens.map((token) => formPost('/token', port, exchangeForm(token, { policy })))
  const theirs = (port: number) =>
    world.tokens.map((token) =>
      formPost('/token', port, exchangeForm(token, { client_id: 'bench', client_secret: 'only-for-this-process' })),
    )
  return [
    {
      name: 'broker RS256, audit durable',
      server: durable,
      port: durable.port,
      requests: ours('deploy-0', durable.port),
    },
    { name: 'broker RS256, audit off', server: memory, port: memory.port, requests: ours('deploy-0', memory.port) },
    {
      name: 'broker ES256, audit durable',
      server: durable,
      port: durable.port,
      requests: ours('deploy-1', durable.port),
    },
    { name: 'broker ES256, audit off', server: memory, port: memory.port, requests: ours('deploy-1', memory.port) },
    {
      name: 'oidc-provider RS256, no audit',
      server: peerRs256,
      port: peerRs256.port,
      requests: theirs(peerRs256.port),
    },
    {
      name: 'oidc-provider ES256, no audit',
      server: peerEs256,
      port: peerEs256.port,
      requests: theirs(peerEs256.port),
    },
    { name: 'bare node:http, constant answer', server: bare, port: bare.port, requests: ours('deploy-0', bare.port) },
  ]
}

function exchangeForm(token: string, more: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience: target,
    scope: 'deploy:staging',
    ...more,
  }
}

async function startPeer(file: string, args: readonly string[]): Promise<ServerProcess & { readonly port: number }> {
  const script = join(import.meta.dirname, 'servers', file)
  const server = await startServerProcess([script, ...args], { ready: /"listening"/, cpu: 0 })
  return { ...server, port: (JSON.parse(server.line) as { port: number }).port }
}
