import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { review, send } from '../custom-task/webhook/admission-server.ts'
import { selfSignedCertificate } from '../fakes/certificate.ts'
import { bundleInCluster } from './bundle.ts'
import { jsonPost, type LoadResult, load } from './load.ts'
import { startServerProcess } from './server-process.ts'

export interface WebhookFigures {
  /** The first decision of a process that has just started, in milliseconds. */
  readonly firstMs: number
  /** One after the other: pods of one PipelineRun again and again, and each of another one. */
  readonly alone: { readonly sameRun: LoadResult; readonly otherRuns: LoadResult }
  /** Many pods at once. */
  readonly burst: LoadResult & { readonly connections: number }
  readonly rssMiB: number
}

interface Options {
  readonly seconds: number
  readonly connections: number
}

const runs = 200

/** The webhook as its image holds it, over TLS, for pods that get a sidecar by the TokenExchange of their pipeline. */
export async function benchWebhook({ seconds, connections }: Options): Promise<WebhookFigures> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'tokenbroker-bench-webhook-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const kube = join(import.meta.dirname, 'servers/webhook-kube.ts')
  const { line, ...api } = await startServerProcess([kube, directory, String(runs)], { ready: /"listening"/ })
  stack.use(api)
  using built = bundleInCluster('task', join(directory, 'serviceaccount'))
  const { url } = JSON.parse(line) as { readonly url: string }
  const { port, ca, server } = await startWebhook(built.path('webhook'), { directory, kubeUrl: new URL(url) })
  stack.use(server)

  const pods = JSON.parse(readFileSync(join(directory, 'pods.json'), 'utf8')) as readonly object[]
  const bodies = pods.map((object) => review({ object }))
  const before = performance.now()
  await requireInjected(bodies[0] ?? '', { port, ca })
  const firstMs = performance.now() - before
  const requests = bodies.map((body) => jsonPost('/mutate', port, body))
  const one = { port, ca, seconds, connections: 1 }
  await load({ ...one, requests })
  const sameRun = sound(await load({ ...one, requests: requests.slice(0, 1) }))
  const otherRuns = sound(await load({ ...one, requests }))
  const burst = sound(await load({ ...one, connections, requests }))
  return { firstMs, alone: { sameRun, otherRuns }, burst: { ...burst, connections }, rssMiB: server.rssMiB() }
}

async function startWebhook(
  main: string,
  { directory, kubeUrl }: { readonly directory: string; readonly kubeUrl: URL },
) {
  const { cert, key, ca } = await selfSignedCertificate()
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 })
    return join(directory, name)
  }
  const config = {
    broker: { url: 'https://tokenbroker.tokenbroker-system.svc', caFile: file('ca.crt', ca) },
    sidecar: { image: 'tokenbroker-task:1' },
    listener: {
      address: '127.0.0.1',
      port: 0,
      tls: { certFile: file('tls.crt', cert), keyFile: file('tls.key', key) },
    },
    health: { address: '127.0.0.1', port: 0 },
    drainSeconds: 0,
  }
  // The heap that Node gives itself in a pod of 256 MiB.
  const args = ['--max-old-space-size=128', main, '--config', file('webhook.yaml', JSON.stringify(config))]
  const { hostname, port } = kubeUrl
  const env = { LOG_LEVEL: 'info', KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }
  const server = await startServerProcess(args, { ready: /"webhook started"/, cpu: 0, env })
  return { server, ca, port: Number(new URL((JSON.parse(server.line) as { url: string }).url).port) }
}

async function requireInjected(body: string, to: { readonly port: number; readonly ca: string }): Promise<void> {
  const { json } = await send(body, to)
  if (json.response?.['patchType'] !== 'JSONPatch') throw new Error(`not injected: ${JSON.stringify(json)}`)
}

function sound(result: LoadResult): LoadResult {
  if (result.failures > 0) throw new Error(`${result.failures} of ${result.answers} answers were not 200`)
  return result
}
