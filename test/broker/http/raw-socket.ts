import { connect } from 'node:net'

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number
  /** Names in lower case; a repeated field keeps its last value. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

interface Options {
  /** Half-closes the socket after the last byte. Default false. */
  readonly ends?: boolean
}

/** Sends bytes over one socket and collects what comes back until the server closes it. */
export function sendRaw(
  port: number,
  text: string | Uint8Array,
  { ends = false }: Options = {},
): Promise<readonly RawAnswer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    socket.on('connect', () => (ends ? socket.end(text) : socket.write(text)))
    socket.on('data', (chunk: string | Uint8Array) => chunks.push(Buffer.from(chunk as Uint8Array)))
    socket.on('end', () => socket.end())
    // A server that refuses a body may reset the connection behind its answer.
    socket.on(
      'error',
      (error: NodeJS.ErrnoException) => error.code !== 'ECONNRESET' && error.code !== 'EPIPE' && reject(error),
    )
    socket.on('close', () => {
      try {
        resolve(parseAnswers(Buffer.concat(chunks).toString('latin1')))
      } catch (error) {
        reject(error)
      }
    })
  })
}

/** @throws Error for bytes that are no sequence of HTTP/1.1 answers with a stated length */
export function parseAnswers(text: string): readonly RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = text
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n')
    const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine) ?? []
    if (end < 0 || status === undefined) throw new Error(`no HTTP answer: ${JSON.stringify(rest.slice(0, 100))}`)
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const length = Number(headers.get('content-length') ?? 0)
    const body = Buffer.from(rest.slice(end + 4, end + 4 + length), 'latin1').toString()
    rest = rest.slice(end + 4 + length)
    if (status !== '100') answers.push({ status: Number(status), headers, body })
  }
  return answers
}

/** A request in the bytes that a plain client would send; headers of a change replace those of the same name. */
export function post(
  body: string | Uint8Array,
  changes: Readonly<Record<string, string | undefined>> = {},
  start = 'POST /token HTTP/1.1',
): Uint8Array {
  const bytes = Buffer.from(body)
  const headers: Record<string, string | undefined> = {
    Host: 'broker.example.com',
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': String(bytes.byteLength),
    Connection: 'close',
    ...changes,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return Buffer.concat([Buffer.from(`${[start, ...lines].join('\r\n')}\r\n\r\n`), bytes])
}
