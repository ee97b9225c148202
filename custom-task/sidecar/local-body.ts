import type { IncomingMessage } from 'node:http'

const maxBodyBytes = 8192

/** How a request's body ended: with its text, too large, not UTF-8, or cut off by the client. */
export type BodyEnd =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'aborted' }

/** Reads at most 8 KiB; calls back once. Callbacks, since this is the hot path and a promise per request would show. */
export function readBody(request: IncomingMessage, done: (end: BodyEnd) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  let isDone = false

  function finish(end: BodyEnd): void {
    if (isDone) return
    isDone = true
    done(end)
  }

  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= maxBodyBytes) chunks.push(chunk)
    else finish({ kind: 'too-large' })
  })
  request.on('end', () => finish(decodeBody(chunks)))
  request.on('close', () => finish({ kind: 'aborted' }))
}

function decodeBody(chunks: readonly Buffer[]): BodyEnd {
  const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
  const text = bytes.toString('latin1')
  // Urlencoded text is ASCII (what is beyond it is percent-encoded); anything else is no such form.
  return /^[\x20-\x7e]*$/.test(text) ? { kind: 'text', text } : { kind: 'malformed' }
}
