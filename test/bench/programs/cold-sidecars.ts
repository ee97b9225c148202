import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { request } from 'undici'
import { createLog } from '../../../core/io/log.ts'
import { systemClock, systemDelay, systemRandom } from '../../../core/io/system.ts'
import { createBrokerClient } from '../../../custom-task/broker-client.ts'
import { createLeanHttp } from '../../../custom-task/broker-client-lean-http.ts'
import { createTokenFile } from '../../../custom-task/broker-client-token-file.ts'
import { type RunningSidecar, startSidecar } from '../../../custom-task/sidecar/app.ts'
import { parseConfig } from '../../../custom-task/sidecar/config.ts'

/**
 * Many sidecars in one process, each with a pod's own token, its own connection and its own directory, that begin at once;
 * several callers ask each as soon as it listens, while it has nothing yet.
 *
 * Arguments: URL of the broker, directory, policy, callers of each, then the subject tokens of the pods. Begins with the
 * first byte on standard input.
 */
const [url = '', directory = '', policy = '', callers = '1', ...tokens] = process.argv.slice(2)

export interface ColdFigures {
  /** Milliseconds until each caller had its token. */
  readonly latencies: readonly number[]
  readonly failures: number
}

const log = createLog({ name: 'sidecar', level: 'silent' })
const deps = { clock: systemClock, delay: systemDelay, random: systemRandom, log }

async function prepare(token: string, index: number): Promise<() => Promise<RunningSidecar>> {
  const home = join(directory, `${process.pid}-${index}`)
  const step = join(home, 'step')
  await mkdir(step, { recursive: true })
  const tokenFile = join(home, 'token')
  await writeFile(tokenFile, token)
  const anyPort = '127.0.0.1:0'
  const steps = [{ directory: step, policies: [policy] }]
  const config = parseConfig({ broker: { url, tokenFile }, listen: anyPort, health: anyPort, steps })
  const http = createLeanHttp({ ...deps, timeoutMs: 8000, onError: () => undefined })
  const broker = createBrokerClient({ url, http, ownToken: createTokenFile(tokenFile), clock: systemClock })
  return () => startSidecar(config, { ...deps, broker })
}

async function ask(sidecar: RunningSidecar, key: string): Promise<boolean> {
  const authorization = `Basic ${Buffer.from(`${policy}:${key}`).toString('base64')}`
  const body = new URLSearchParams({ grant_type: 'client_credentials' }).toString()
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
  // Not `fetch`, whose Sec-Fetch-Mode says that a browser asks.
  const response = await request(`${sidecar.url}/token`, { method: 'POST', headers, body })
  const answer = (await response.body.json()) as { readonly access_token?: string }
  return response.statusCode === 200 && answer.access_token !== undefined
}

const prepared = await Promise.all(tokens.map(prepare))
process.stdout.write('{"event":"prepared"}\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
process.stdin.destroy()

const began = performance.now()
const latencies: number[] = []
let failures = 0
const sidecars = await Promise.all(
  prepared.map(async (start, index) => {
    const sidecar = await start()
    const key = await readFile(join(directory, `${process.pid}-${index}`, 'step', 'key'), 'utf8')
    await Promise.all(
      Array.from({ length: Number(callers) }, async () => {
        const isServed = await ask(sidecar, key).catch(() => false)
        if (!isServed) failures += 1
        latencies.push(performance.now() - began)
      }),
    )
    return sidecar
  }),
)
await Promise.all(sidecars.map((sidecar) => sidecar.stop()))
process.stdout.write(`${JSON.stringify({ latencies, failures } satisfies ColdFigures)}\n`)
process.exit(0)
