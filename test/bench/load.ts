import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface LoadOptions {
  readonly port: number
  /** A Unix socket in place of the port. */
  readonly socketPath?: string
  /** Speaks TLS, and trusts this authority alone. */
  readonly ca?: string
  readonly connections: number
  readonly seconds: number
  /** Whole HTTP/1.1 requests, sent in turn; distinct ones, so that no cache flatters. */
  readonly requests: readonly Buffer[]
  /** Requests that are begun each second, whatever the server does; default: a new one as soon as one is answered. */
  readonly perSecond?: number
}

export interface LoadResult {
  readonly answers: number
  /** Answers with another status than 200, and broken connections: a run with any does not count. */
  readonly failures: number
  /** From the moment a request was sent, or was planned to be sent. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly seconds: number
}

interface Answer {
  readonly status: number
  readonly isLast: boolean
}

/**
 * Keeps `connections` requests in flight against one server for a while, or begins them at a steady rate. Reads just
 * enough HTTP to know where an answer ends, so that the client costs less than any server it measures.
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { connections, seconds, requests, perSecond } = options
  const latencies: number[] = []
  let failures = 0
  let begun = 0
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000

  /** Waits until the next request is due. @returns since when it counts; undefined when time is up */
  async function next(): Promise<number | undefined> {
    if (perSecond === undefined) return performance.now() < endsAt ? performance.now() : undefined
    const plannedAt = startedAt + (begun++ * 1000) / perSecond
    if (plannedAt >= endsAt) return undefined
    const waitMs = plannedAt - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    return plannedAt
  }

  /** @returns whether the server asked for another connection */
  async function converse(socket: Socket): Promise<boolean> {
    const answers = readAnswers(socket)
    for (let since = await next(); since !== undefined; since = await next()) {
      socket.write(requests[sent++ % requests.length] ?? '')
      const answer = await answers.next()
      if (answer.done || answer.value.status !== 200) failures += 1
      if (answer.done) return false
      latencies.push(performance.now() - since)
      if (answer.value.isLast) return true
    }
    return false
  }

  let sent = 0
  async function one(): Promise<void> {
    for (let goesOn = true; goesOn; ) {
      const socket = open(options)
      goesOn = await converse(socket)
      socket.destroy()
    }
  }

  await Promise.all(Array.from({ length: connections }, one))
  latencies.sort((a, b) => a - b)
  return {
    answers: latencies.length,
    failures,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? 0,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    seconds: (performance.now() - startedAt) / 1000,
  }
}

function open({ port, socketPath, ca }: LoadOptions): Socket {
  if (socketPath !== undefined) return connect({ path: socketPath })
  const place = { port, host: '127.0.0.1', noDelay: true }
  return ca === undefined ? connect(place) : connectTls({ ...place, ca })
}

/** Answers on one socket, in order; ends when the socket does. */
async function* readAnswers(socket: Socket): AsyncGenerator<Answer, void> {
  let pending: Buffer = Buffer.alloc(0)
  for await (const chunk of socket) {
    pending = pending.byteLength === 0 ? chunk : Buffer.concat([pending, chunk])
    for (let end = answerEnd(pending); end !== undefined; end = answerEnd(pending)) {
      const head = pending.toString('latin1', 0, Math.min(end, 1024))
      const answer = { status: Number(head.slice(9, 12)), isLast: /\r\nconnection: close\r\n/i.test(head) }
      pending = pending.subarray(end)
      yield answer
    }
  }
}

function answerEnd(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = bytes.toString('latin1', 0, headEnd)
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(head) ?? []
  if (length === undefined) throw new Error('an answer without Content-Length')
  const end = headEnd + 4 + Number(length)
  return bytes.byteLength >= end ? end : undefined
}

/** One POST of JSON, as the bytes of a keep-alive request. */
export function jsonPost(path: string, port: number, body: string): Buffer {
  const length = Buffer.byteLength(body)
  const head = [`POST ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, 'Content-Type: application/json']
  return Buffer.from([...head, `Content-Length: ${length}`, '', body].join('\r\n'))
}

/** One POST of a form, as the bytes of a keep-alive request. */
export function formPost(
  path: string,
  port: number,
  form: Readonly<Record<string, string>>,
  headers: readonly string[] = [],
): Buffer {
  const body = new URLSearchParams(form).toString()
  return Buffer.from(
    [
      `POST ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Content-Type: application/x-www-form-urlencoded',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
      '',
      body,
    ].join('\r\n'),
  )
}
