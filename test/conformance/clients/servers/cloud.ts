import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { listen, serveTls } from './listen.ts'

export interface CloudRequest {
  readonly method: string
  readonly host: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface CloudAnswer {
  readonly status: number
  readonly type?: string
  readonly body: string | object
}

/** A cloud at its own names, behind a proxy: no client is told of another endpoint. */
export interface Cloud {
  /** What leads clients there: proxy and authorities. */
  readonly env: Readonly<Record<string, string>>
  readonly requests: readonly CloudRequest[]
}

/** @param hosts everything else is refused by the proxy */
export async function startCloud(
  hosts: readonly string[],
  answer: (request: CloudRequest) => CloudAnswer | Promise<CloudAnswer>,
): Promise<Cloud> {
  const requests: CloudRequest[] = []
  const { port, certificate } = await serveTls(
    cloudListener(answer, (request) => requests.push(request)),
    hosts,
  )
  const proxyPort = await startProxy(new Set(hosts), port)
  const folder = await mkdtemp(join(tmpdir(), 'cloud-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const ca = join(folder, 'ca.crt')
  await writeFile(ca, certificate.ca)
  return {
    requests,
    env: { HTTPS_PROXY: `http://127.0.0.1:${proxyPort}`, REQUESTS_CA_BUNDLE: ca, AWS_CA_BUNDLE: ca },
  }
}

export function cloudListener(
  answer: (request: CloudRequest) => CloudAnswer | Promise<CloudAnswer>,
  onRequest: (request: CloudRequest) => void = () => undefined,
): RequestListener {
  return (request, response) => {
    void request.toArray().then(async (chunks: Buffer[]) => {
      const { headers, method = '' } = request
      const host = headers.host ?? ''
      const url = new URL(request.url ?? '/', `https://${host}`)
      const taken = { method, host, url, headers, body: Buffer.concat(chunks).toString('utf8') }
      onRequest(taken)
      const { status, type = 'application/json', body } = await answer(taken)
      response.writeHead(status, { 'content-type': type })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  }
}

/** @see RFC 9110 §9.3.6 */
async function startProxy(hosts: ReadonlySet<string>, port: number): Promise<number> {
  const server = createServer((_, response) => response.writeHead(405).end())
  server.on('connect', (request, socket) => {
    if (!hosts.has(String(request.url).replace(/:443$/, ''))) {
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      return
    }
    const inner = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    socket.pipe(inner).pipe(socket)
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ] as const) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
    }
  })
  return await listen(server)
}

/** What a strict server says: the first thing that is not as it has to be. */
export function differences(
  found: Iterable<readonly [string, unknown]>,
  wanted: Readonly<Record<string, unknown>>,
): string {
  const values = new Map(found)
  const wrong = Object.entries(wanted).filter(([name, value]) => values.get(name) !== value)
  const unknown = [...values.keys()].filter((name) => !Object.hasOwn(wanted, name))
  return [...wrong.map(([name]) => name), ...unknown].join(' ')
}
