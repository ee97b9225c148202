import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type ServerProcess, startServerProcess, untilReady } from './server-process.ts'

/** Audience of the subject tokens, and issuer of the measured broker. */
export const issuerUrl = 'http://127.0.0.1:1/bench'
export const target = 'https://deploy.example.com'

/** An API server with many pods, and what a broker or a peer needs to know of it. */
export interface BenchWorld {
  readonly directory: string
  readonly kubeUrl: string
  readonly tokens: readonly string[]
  readonly jwksFile: string
  /** Directory with the ServiceAccount of the broker, as a kubelet mounts it. */
  readonly mount: string
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
    mount: join(directory, 'serviceaccount'),
    async [Symbol.asyncDispose]() {
      await kube.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** As the image starts it, and with the heap that Node gives itself in a pod of 512 MiB. */
const flags = ['--max-semi-space-size=8', '--initial-old-space-size=64', '--max-old-space-size=256']

/** Starts the broker as its image does, on free ports, with the default log level: one line for each exchange. */
export async function startBroker(
  world: BenchWorld,
  main: string,
  { durability }: { readonly durability: 'fdatasync' | 'memory' },
): Promise<ServerProcess & { readonly port: number; readonly metricsUrl: string }> {
  const name = `broker-${durability}`
  const [port, metricsPort] = [await freePort(), await freePort()]
  const at = (some: number) => ({ address: '127.0.0.1', port: some })
  const config = {
    issuer: issuerUrl,
    listeners: { token: at(port), discovery: at(0), metrics: at(metricsPort) },
    clusters: [{ name: 'bench', issuer: world.kubeUrl }],
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
  const { hostname, port: kubePort } = new URL(world.kubeUrl)
  const server = await startServerProcess([...flags, main, '--config', file], {
    ready: /"broker started"/,
    cpu: 0,
    env: {
      LOG_LEVEL: 'info',
      MALLOC_ARENA_MAX: '1',
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: kubePort,
    },
  })
  const metricsUrl = `http://127.0.0.1:${metricsPort}`
  await untilReady(metricsUrl)
  return { ...server, port, metricsUrl }
}
