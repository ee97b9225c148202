import type { IncomingMessage } from 'node:http'

/** A form of client credentials is far shorter. */
export const maxBodyBytes = 8192

/**
 * Reads at most 8 KiB and calls back once: with the bytes as latin1 text, or undefined when there are more. Never calls
 * back when the client goes away, as nobody is there to be answered. No promise and no stream helper: this is the hot
 * path, and they would show.
 */
export function readBody(request: IncomingMessage, done: (text: string | undefined) => void): void {
  let first: Buffer | undefined
  let rest: Buffer[] | undefined
  let size = 0

  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > maxBodyBytes) {
      // What still comes is dropped; Node closes the connection after the answer.
      request.removeAllListeners('data').removeAllListeners('end').resume()
      done(undefined)
    } else if (first === undefined) first = chunk
    else {
      rest ??= [first]
      rest.push(chunk)
    }
  })
  request.on('end', () => {
    const bytes = rest === undefined ? first : Buffer.concat(rest)
    done(bytes === undefined ? '' : bytes.toString('latin1'))
  })
}
