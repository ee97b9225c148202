import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'vitest'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Scripted {
  readonly url: string
  readonly seen: readonly Seen[]
  readonly server: Server
  /** Sockets that were opened so far. */
  connections(): number
}

type Script = (request: Seen, response: ServerResponse) => void

/** A server on 127.0.0.1 that answers as the test says and ends with it. */
export async function startScripted(
  onTestFinished: TestContext['onTestFinished'],
  script: Script,
  tls?: { readonly cert: string; readonly key: string },
): Promise<Scripted> {
  const seen: Seen[] = []
  let connections = 0
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const url = new URL(request.url ?? '', 'http://host')
    const one = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    }
    seen.push(one)
    script(one, response)
  }
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  const { port } = server.address() as AddressInfo
  return { url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, seen, server, connections: () => connections }
}

export function answerJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

/** Answers each request with the next of `answers`, the last one again and again. */
export function inTurn(...answers: readonly ((response: ServerResponse) => void)[]): Script {
  let turn = 0
  return (_request, response) => {
    const answer = answers[Math.min(turn, answers.length - 1)]
    turn += 1
    answer?.(response)
  }
}

/** A delay that ends at once and keeps what was asked for. */
export function noDelay(): {
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>
  readonly asked: number[]
} {
  const asked: number[] = []
  return {
    asked,
    delay: async (ms, signal) => {
      signal.throwIfAborted()
      asked.push(ms)
    },
  }
}
