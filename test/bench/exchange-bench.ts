import { join } from 'node:path'
import { type BenchWorld, issuerUrl, startBroker, startWorld, target } from './broker-world.ts'
import { bundleInCluster } from './bundle.ts'
import { formPost, load } from './load.ts'
import { median } from './report.ts'
import { type ServerProcess, startServerProcess } from './server-process.ts'

/** Who is measured; the keys of all figures. */
export const contestants = [
  'broker RS256, audit durable',
  'broker RS256, audit off',
  'broker ES256, audit durable',
  'broker ES256, audit off',
  'oidc-provider RS256, no audit',
  'oidc-provider ES256, no audit',
  'bare node:http, constant answer',
] as const
export type ContestantName = (typeof contestants)[number]

export interface Figures {
  /** Requests per second of processor time of the server process, all threads; one figure for each round. */
  readonly perCpuSecond: readonly number[]
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface ExchangeFigures {
  readonly atLoad: ReadonlyMap<ContestantName, Figures>
  /** One connection, one request after the other. */
  readonly alone: ReadonlyMap<ContestantName, { readonly p50Ms: number }>
  /** 500 requests begun each second, however long the answers take. */
  readonly paced: ReadonlyMap<ContestantName, { readonly p99Ms: number }>
  readonly brokerMiB: { readonly idle: number; readonly after64Connections: number }
}

const warmUpSeconds = 0.7

interface Contestant {
  readonly name: ContestantName
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
 * Exchanges of the broker beside those of oidc-provider and a constant answer, in interleaved rounds, so that the
 * machine's drift hits all alike. Every request carries the token of another pod.
 */
export async function benchExchanges(options: Options): Promise<ExchangeFigures> {
  await using world = await startWorld(options.pods)
  using built = bundleInCluster('broker', world.mount)
  await using stack = new AsyncDisposableStack()
  const all = await startContestants(world, built.path('broker'), stack)
  const durable = find(all, 'broker ES256, audit durable')
  const idle = durable.server.rssMiB()
  for (const one of all) await run(one, { connections: options.connections, seconds: warmUpSeconds })
  const atLoad = await inRounds(all, options)
  return {
    atLoad,
    alone: await each(all, ['broker ES256, audit durable', 'broker ES256, audit off'], {
      connections: 1,
      seconds: 1.5,
    }),
    paced: await each(all, ['broker RS256, audit durable', 'oidc-provider RS256, no audit'], {
      connections: 64,
      seconds: 3,
      perSecond: 500,
    }),
    brokerMiB: { idle, after64Connections: await memoryUnderLoad(durable) },
  }
}

async function inRounds(all: readonly Contestant[], options: Options): Promise<ReadonlyMap<ContestantName, Figures>> {
  const { rounds, seconds, connections, progress } = options
  const figures = new Map(all.map(({ name }) => [name, [] as Awaited<ReturnType<typeof run>>[]]))
  for (let round = 1; round <= rounds; round += 1) {
    for (const contestant of all) {
      // While the others were measured, what a broker knew of the pods got too old.
      await run(contestant, { connections, seconds: warmUpSeconds })
      const figure = await run(contestant, { connections, seconds })
      figures.get(contestant.name)?.push(figure)
      progress(`round ${round}: ${contestant.name.padEnd(34)} ${figure.perCpuSecond.toFixed(0).padStart(7)} per CPU-s`)
    }
  }
  return new Map(
    [...figures].map(([name, of]) => [
      name,
      {
        perCpuSecond: of.map((one) => one.perCpuSecond),
        p50Ms: median(of.map((one) => one.p50Ms)),
        p99Ms: median(of.map((one) => one.p99Ms)),
      },
    ]),
  )
}

async function each(
  all: readonly Contestant[],
  names: readonly ContestantName[],
  how: Omit<Parameters<typeof load>[0], 'port' | 'requests'>,
): Promise<ReadonlyMap<ContestantName, Awaited<ReturnType<typeof run>>>> {
  const figures = new Map<ContestantName, Awaited<ReturnType<typeof run>>>()
  for (const name of names) figures.set(name, await run(find(all, name), how))
  return figures
}

/** Resident memory while 64 connections are busy, with every grant of the run still alive. */
async function memoryUnderLoad(contestant: Contestant): Promise<number> {
  await run(contestant, { connections: 64, seconds: 2 })
  return contestant.server.rssMiB()
}

async function run(
  { name, server, port, requests }: Contestant,
  how: Omit<Parameters<typeof load>[0], 'port' | 'requests'>,
) {
  const before = server.cpuSeconds()
  const result = await load({ port, requests, ...how })
  const cpu = server.cpuSeconds() - before
  if (result.failures > 0) throw new Error(`${name}: ${result.failures} of ${result.answers} answers were not 200`)
  return { perCpuSecond: result.answers / cpu, p50Ms: result.p50Ms, p99Ms: result.p99Ms }
}

function find(all: readonly Contestant[], name: ContestantName): Contestant {
  const found = all.find((one) => one.name === name)
  if (found === undefined) throw new TypeError(`nobody is called ${name}`)
  return found
}

async function startContestants(
  world: BenchWorld,
  main: string,
  stack: AsyncDisposableStack,
): Promise<readonly Contestant[]> {
  const peer = async (file: string, args: readonly string[]) => stack.use(await startPeer(file, args))
  const durable = stack.use(await startBroker(world, main, { durability: 'fdatasync' }))
  const memory = stack.use(await startBroker(world, main, { durability: 'memory' }))
  const ofPeer = [world.jwksFile, world.kubeUrl, issuerUrl]
  const peerRs256 = await peer('oidc-provider.ts', [...ofPeer, 'RS256'])
  const peerEs256 = await peer('oidc-provider.ts', [...ofPeer, 'ES256'])
  const bare = await peer('bare-http.ts', [])

  const asks = (more: Readonly<Record<string, string>>, { port }: { readonly port: number }) =>
    world.tokens.map((token) => formPost('/token', port, { ...exchangeForm(token), ...more }))
  const one = (
    name: ContestantName,
    server: ServerProcess & { readonly port: number },
    more: Record<string, string>,
  ) => ({
    name,
    server,
    port: server.port,
    requests: asks(more, server),
  })
  const client = { client_id: 'bench', client_secret: 'only-for-this-process' }
  return [
    one('broker RS256, audit durable', durable, { policy: 'deploy-0' }),
    one('broker RS256, audit off', memory, { policy: 'deploy-0' }),
    one('broker ES256, audit durable', durable, { policy: 'deploy-1' }),
    one('broker ES256, audit off', memory, { policy: 'deploy-1' }),
    one('oidc-provider RS256, no audit', peerRs256, client),
    one('oidc-provider ES256, no audit', peerEs256, client),
    one('bare node:http, constant answer', bare, {}),
  ]
}

function exchangeForm(token: string): Readonly<Record<string, string>> {
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience: target,
    scope: 'deploy:staging',
  }
}

async function startPeer(file: string, args: readonly string[]): Promise<ServerProcess & { readonly port: number }> {
  const script = join(import.meta.dirname, 'servers', file)
  const server = await startServerProcess([script, ...args], { ready: /"listening"/, cpu: 0 })
  return { ...server, port: (JSON.parse(server.line) as { port: number }).port }
}
