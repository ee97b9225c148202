import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerProcess, startServerProcess } from './server-process.ts'

/** Audience of the subject tokens, and issuer of the measured broker. */
export const issuerUrl = 'http://127.0.0.1:1/bench'
export const target = 'https://deploy.example.com'

/** An API server with many pods, and what a broker or a peer needs to know of it. */
export interface BenchWorld {
  readonly directory: string
  readonly kubeUrl: string
  readonly tokens: readonly string[]
  readonly jwksFile: string
  [Symbol.asyncDispose](): Promise<void>
}

export async function startWorld(pods: number): Promise<BenchWorld> {
  const directory = mkdtempSync(join(tmpdir(), 'tokenbroker-bench-'))
  const script = join(import.meta.dirname, 'servers/kube.ts')
  const kube = await startServerProcess([script, directory, String(pods), issuerUrl], { ready: /"listening"/, cpu: 1 })
  return {
    directory,
    kubeUrl: (JSON.parse(kube.line) as { url: string }).url,
    tokens: JSON.parse(readFileSync(join(directory, 'tokens.json'), 'utf8')) as string[],
    jwksFile: join(directory, 'jwks.json'),
    async [Symbol.asyncDispose]() {
      await kube.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Starts the real broker, as a user would, on free ports. */
export async function startBroker(
  world: BenchWorld,
  { durability }: { readonly durability: 'fdatasync' | 'memory' },
): Promise<ServerProcess & { readonly port: number }> {
  const name = `broker-${durability}-${process.hrtime.bigint()}`
  const config = {
    issuer: issuerUrl,
    listeners: {
      token: { address: '127.0.0.1', port: 0 },
      discovery: { address: '127.0.0.1', port: 0 },
      metrics: { address: '127.0.0.1', port: 0 },
    },
    clusters: [{ name: 'bench', issuer: world.kubeUrl, kubeconfig: join(world.directory, 'kubeconfig.json') }],
    keys: { directory: join(world.directory, `${name}-keys`) },
    audit: { directory: join(world.directory, `${name}-audit`), durability },
    limits: {
      requestsPerSecondPerPod: 1_000_000,
      burstPerPod: 1_000_000,
      requestsPerSecondPerNamespace: 1_000_000,
      burstPerNamespace: 1_000_000,
    },
  }
  const file = join(world.directory, `${name}.json`)
  writeFileSync(file, JSON.stringify(config))
  const main = join(import.meta.dirname, '../../broker/main.ts')
  const server = await startServerProcess([main, '--config', file], {
    ready: /"listener":"token"/,
    cpu: 0,
    env: { LOG_LEVEL: 'info' },
  })
  const port = Number(new URL((JSON.parse(server.line) as { url: string }).url).port)
  return { ...server, port }
}
