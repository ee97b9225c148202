import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

interface Refusal {
  readonly status: number
  readonly description: string
}

/** Fields of which a second one would make two readers see two requests. */
const singleFields = new Set(['host', 'authorization', 'content-length', 'content-type', 'transfer-encoding'])

/**
 * Says why a request must not be served, or undefined when it may. Looks at the raw header lines, as Node silently keeps
 * the first of two `Host` or `Authorization` fields.
 *
 * @see RFC 9112 §3.2, §6.1, §6.3
 */
function refuseAmbiguous(rawHeaders: readonly string[], target: string, maxHeaders: number): Refusal | undefined {
  if (rawHeaders.length / 2 > maxHeaders) return { status: 431, description: 'Too many header fields' }
  if (!target.startsWith('/')) return { status: 400, description: 'The request target must be a path' }
  const seen = new Map<string, string>()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase()
    if (!singleFields.has(name)) continue
    if (seen.has(name)) return { status: 400, description: 'A header field that must be unique is repeated' }
    seen.set(name, rawHeaders[i + 1] ?? '')
  }
  if (!seen.has('host')) return { status: 400, description: 'The Host header field is missing' }
  const coding = seen.get('transfer-encoding')
  if (coding === undefined) return undefined
  if (seen.has('content-length')) return { status: 400, description: 'The length of the body is stated twice' }
  if (coding.trim().toLowerCase() !== 'chunked') return { status: 400, description: 'Unknown transfer encoding' }
  return undefined
}

/**
 * Lets only unambiguous requests through; the others are answered in JSON and their socket is closed. What the handler
 * throws or rejects with is reported and answered 500: one request must not end the process.
 */
export function guardRequests(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
  { maxHeaders, onError }: { readonly maxHeaders: number; readonly onError: (error: unknown) => void },
): (request: IncomingMessage, response: ServerResponse) => void {
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await handler(request, response)
    } catch (error) {
      onError(error)
      if (response.headersSent) response.destroy()
      else answerError(response, 500, { error: 'server_error', error_description: 'The request failed' })
    }
  }

  return (request, response) => {
    const refusal = refuseAmbiguous(request.rawHeaders, request.url ?? '', maxHeaders)
    if (refusal) answerError(response, refusal.status, invalidRequest(refusal.description))
    else void serve(request, response)
  }
}

/** Listener for `checkExpectation`: Node by itself would answer without a word. */
export function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  answerError(response, 417, invalidRequest('Unknown expectation'))
}

function answerError(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { ...answerHeaders, 'content-length': String(text.length), connection: 'close' })
  response.end(text)
}

/** Listener for `clientError`: what the parser refused, and requests that took too long. */
export function answerBrokenRequest(error: Error & { readonly code?: string }, socket: Duplex): void {
  // Nothing can be said to a peer that has gone, or in the middle of an answer.
  if (error.code === 'ECONNRESET' || !socket.writable || hasBegunAnswer(socket)) {
    socket.destroy()
    return
  }
  const [status, phrase] = statusLines[error.code ?? ''] ?? [400, 'Bad Request']
  const body = JSON.stringify(invalidRequest(phrase === 'Bad Request' ? 'The request is malformed' : phrase))
  const fields = Object.entries({ ...answerHeaders, 'content-length': String(body.length), connection: 'close' })
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.end(`HTTP/1.1 ${status} ${phrase}\r\n${lines}\r\n${body}`, () => socket.destroy())
}

const answerHeaders = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const

const statusLines: Readonly<Record<string, readonly [status: number, phrase: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'Request Header Fields Too Large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'Content Too Large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'Request Timeout'],
}

function invalidRequest(description: string): object {
  return { error: 'invalid_request', error_description: description }
}

/** Node keeps the response under way in a field that it documents only by its use in `clientError` handlers. */
function hasBegunAnswer(socket: Duplex): boolean {
  const answer: unknown = Reflect.get(socket, '_httpMessage')
  return typeof answer === 'object' && answer !== null && Reflect.get(answer, 'headersSent') === true
}
