import { connect, type Socket } from 'node:net'

/** Where a server under test listens. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string }

/** An answer as it came over the wire. */
export interface Answer {
  readonly status: number
  /** By name in small letters; the last of several. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** No whole answer came: the connection was refused, closed or silent. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

const timeoutMs = 5000
const maxAnswerBytes = 1024 * 1024

/** Opens a connection. @throws NoAnswer */
export async function open(place: Place, signal: AbortSignal): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect(place)
    const fail = (why: string) => () => {
      socket.destroy()
      reject(new NoAnswer(why))
    }
    socket.setTimeout(timeoutMs, fail('the connection was not accepted in time'))
    socket.once('error', fail('the connection was refused'))
    signal.addEventListener('abort', fail('interrupted'), { once: true })
    socket.once('connect', () => {
      socket.removeAllListeners('error').on('error', () => undefined)
      socket.setTimeout(0)
      resolve(socket)
    })
  })
}

/**
 * Writes bytes on a connection of their own and reads as many answers as are wanted.
 *
 * @throws NoAnswer when the connection ends, or is silent for 5 s, before that
 */
export async function exchange(
  place: Place,
  text: string,
  { count = 1, signal }: { readonly count?: number; readonly signal: AbortSignal },
): Promise<readonly Answer[]> {
  const socket = await open(place, signal)
  try {
    socket.write(text, 'latin1')
    return await readAnswers(socket, count)
  } finally {
    socket.destroy()
  }
}

/** Reads answers from a connection on which something was written. @throws NoAnswer */
export async function readAnswers(socket: Socket, count: number, patienceMs = timeoutMs): Promise<readonly Answer[]> {
  return await new Promise((resolve, reject) => {
    const answers: Answer[] = []
    let text = ''
    const late = setTimeout(() => reject(new NoAnswer(`no answer within ${patienceMs / 1000} s`)), patienceMs)
    const end = (finish: () => void): void => {
      clearTimeout(late)
      socket.removeAllListeners('data')
      finish()
    }
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
      for (let parsed = parse(text, false); parsed !== undefined; parsed = parse(text, false)) {
        answers.push(parsed.answer)
        text = parsed.rest
        if (answers.length === count) return end(() => resolve(answers))
      }
      if (text.length > maxAnswerBytes) end(() => reject(new NoAnswer('the answer is endless')))
    })
    socket.once('close', () => {
      const last = parse(text, true)
      if (last !== undefined) answers.push(last.answer)
      end(() => (answers.length >= count ? resolve(answers) : reject(new NoAnswer('the connection was closed'))))
    })
  })
}

function parse(text: string, isEnded: boolean): { readonly answer: Answer; readonly rest: string } | undefined {
  const split = text.indexOf('\r\n\r\n')
  if (split < 0) return undefined
  const [statusLine = '', ...lines] = text.slice(0, split).split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1] ?? 0)
  const headers = Object.fromEntries(lines.map((line) => field(line)))
  const start = split + 4
  const length = headers['content-length']
  if (length === undefined && !isEnded && status !== 204) return undefined
  const end = length === undefined ? text.length : start + Number(length)
  if (text.length < end && !isEnded) return undefined
  return { answer: { status, headers, body: text.slice(start, end) }, rest: text.slice(end) }
}

function field(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]
}
