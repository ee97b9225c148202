import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFakeBroker } from '../fakes/broker.ts'
import { bundle } from './bundle.ts'
import { formPost, load } from './load.ts'
import {
  type ServerProcess,
  sidecarEnvironment,
  sidecarFlags,
  startServerProcess,
  untilReady,
} from './server-process.ts'

export interface SidecarFigures {
  /** Requests per second of processor time, one figure for each round. */
  readonly sidecar: readonly number[]
  readonly bare: readonly number[]
  /** One connection, one request after the other: by TCP on loopback, and by Unix socket. */
  readonly alone: ByWay<Latencies>
  readonly rssMiB: { readonly idle: number; readonly afterLoad: number }
}

type ByWay<T> = Readonly<Record<'tcp' | 'socket', Readonly<Record<'sidecar' | 'bare', T>>>>

/** One figure for each round. */
export interface Latencies {
  readonly p50Ms: readonly number[]
  readonly p99Ms: readonly number[]
}

interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
  readonly progress: (line: string) => void
}

const bareSocketName = 'bare.sock'

type Port = { readonly port: number }

/** A cached token from the real sidecar, with every guard, beside node:http that answers a constant. */
export async function benchSidecar(options: Options): Promise<SidecarFigures> {
  using built = bundle('task')
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'tokenbroker-bench-sidecar-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const sidecar = stack.use(await startSidecar(built.path('sidecar'), directory, stack))
  const bareScript = join(import.meta.dirname, 'servers/bare-http.ts')
  const bareArgs = [bareScript, join(directory, bareSocketName)]
  const started = await startServerProcess(bareArgs, { ready: /"listening"/, cpu: 0 })
  const bare = stack.use({ ...started, port: (JSON.parse(started.line) as Port).port })
  const idle = sidecar.rssMiB()

  const key = readFileSync(join(directory, 'step/key'), 'utf8')
  const requests = [askFor(sidecar.port, key)]
  await perCpuSecond(sidecar, requests, { ...options, seconds: 1 })
  await perCpuSecond(bare, requests, { ...options, seconds: 1 })
  const figures = { sidecar: [] as number[], bare: [] as number[] }
  for (let round = 1; round <= options.rounds; round += 1) {
    figures.sidecar.push(await perCpuSecond(sidecar, requests, options))
    figures.bare.push(await perCpuSecond(bare, requests, options))
    const [ours, theirs] = [figures.sidecar.at(-1) ?? 0, figures.bare.at(-1) ?? 0]
    options.progress(`round ${round}: sidecar ${ours.toFixed(0)}, bare node:http ${theirs.toFixed(0)} per CPU-s`)
  }
  const afterLoad = sidecar.rssMiB()
  const alone = await inTurn(
    options.rounds,
    {
      tcp: { sidecar: { port: sidecar.port }, bare: { port: bare.port } },
      socket: {
        sidecar: { port: sidecar.port, socketPath: join(directory, 'step/sidecar.sock') },
        bare: { port: bare.port, socketPath: join(directory, bareSocketName) },
      },
    },
    requests,
  )
  return { ...figures, alone, rssMiB: { idle, afterLoad } }
}

/** One connection to each place in turn, round by round. */
async function inTurn(
  rounds: number,
  places: ByWay<Pick<Parameters<typeof load>[0], 'port' | 'socketPath'>>,
  requests: readonly Buffer[],
): Promise<ByWay<Latencies>> {
  const measured = async (place: (typeof places)['tcp']['bare'], figures: { p50Ms: number[]; p99Ms: number[] }) => {
    const { p50Ms, p99Ms, failures } = await load({ ...place, connections: 1, seconds: 0.7, requests })
    if (failures > 0) throw new Error('an answer of one connection was not 200')
    figures.p50Ms.push(p50Ms)
    figures.p99Ms.push(p99Ms)
  }
  const nothing = () => ({ p50Ms: [] as number[], p99Ms: [] as number[] })
  const all = { tcp: { sidecar: nothing(), bare: nothing() }, socket: { sidecar: nothing(), bare: nothing() } }
  for (let round = 0; round < rounds; round += 1)
    for (const way of ['tcp', 'socket'] as const)
      for (const who of ['sidecar', 'bare'] as const) await measured(places[way][who], all[way][who])
  return all
}

async function perCpuSecond(
  server: ServerProcess & Port,
  requests: readonly Buffer[],
  { connections, seconds }: Options,
): Promise<number> {
  const before = server.cpuSeconds()
  const { answers, failures } = await load({ port: server.port, connections, seconds, requests })
  if (failures > 0) throw new Error(`${failures} of ${answers} answers were not 200`)
  return answers / (server.cpuSeconds() - before)
}

async function startSidecar(main: string, directory: string, stack: AsyncDisposableStack) {
  const broker = await startFakeBroker()
  stack.defer(() => broker.close())
  // As long as a real one: the answer has the size of an answer.
  const token = 'x'.repeat(900)
  const body = { access_token: token, token_type: 'Bearer', expires_in: 300, scope: 'deploy:staging' }
  const issuedTokenType = 'urn:ietf:params:oauth:token-type:access_token'
  broker.answerWith(() => ({
    status: 200,
    body: { ...body, issued_token_type: issuedTokenType, exchange_id: '019ca945-0a7b-7c41-a298-56885480aa0c' },
  }))
  const tokenFile = join(directory, 'token')
  writeFileSync(tokenFile, 'own.projected.token')
  mkdirSync(join(directory, 'step'))
  const anyPort = '127.0.0.1:0'
  const config = {
    broker: { url: broker.url, tokenFile },
    listen: anyPort,
    health: anyPort,
    steps: [{ directory: join(directory, 'step'), policies: ['deploy-staging'] }],
  }
  const args = [...sidecarFlags, main, '--config-json', JSON.stringify(config)]
  const server = await startServerProcess(args, {
    ready: /"sidecar started"/,
    cpu: 0,
    env: { ...sidecarEnvironment, LOG_LEVEL: 'info' },
  })
  const line = JSON.parse(server.line) as { readonly url: string; readonly health_url: string }
  await untilReady(line.health_url)
  return { ...server, port: Number(new URL(line.url).port) }
}

function askFor(port: number, key: string): Buffer {
  const authorization = `Authorization: Basic ${Buffer.from(`deploy-staging:${key}`).toString('base64')}`
  return formPost('/token', port, { grant_type: 'client_credentials' }, [authorization])
}
