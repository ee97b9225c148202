import { connect, type Socket } from 'node:net'

export interface LoadOptions {
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** Whole HTTP/1.1 requests, sent in turn; distinct ones, so that no cache flatters. */
  readonly requests: readonly Buffer[]
}

export interface LoadResult {
  readonly answers: number
  /** Answers with another status than 200, and broken connections: a run with any does not count. */
  readonly failures: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly seconds: number
}

/**
 * Keeps `connections` requests in flight against one server for a while. Reads just enough HTTP to know where an answer
 * ends, so that the client costs less than any server it measures.
 */
export async function load({ port, connections, seconds, requests }: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = []
  let failures = 0
  let next = 0
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000

  async function one(): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const answers = readAnswers(socket)
    while (performance.now() < endsAt) {
      const request = requests[next++ % requests.length]
      if (request === undefined) throw new TypeError('no requests')
      const sentAt = performance.now()
      socket.write(request)
      const status = await answers.next()
      if (status.done) {
        failures += 1
        break
      }
      if (status.value !== 200) failures += 1
      latencies.push(performance.now() - sentAt)
    }
    socket.destroy()
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

/** Status codes of the answers on one socket, in order; ends when the socket does. */
async function* readAnswers(socket: Socket): AsyncGenerator<number, void> {
  let pending: Buffer = Buffer.alloc(0)
  for await (const chunk of socket) {
    pending = pending.byteLength === 0 ? chunk : Buffer.concat([pending, chunk])
    for (let end = answerEnd(pending); end !== undefined; end = answerEnd(pending)) {
      const status = Number(pending.toString('latin1', 9, 12))
      pending = pending.subarray(end)
      yield status
    }
  }
}

function answerEnd(bytes: Buffer): number | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = bytes.toString('latin1', 0, headEnd)
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  const end = headEnd + 4 + Number(length ?? 0)
  if (length === undefined) throw new Error('an answer without Content-Length')
  return bytes.byteLength >= end ? end : undefined
}

/** A form POST as bytes on the wire. */
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
