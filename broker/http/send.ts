import type { ServerResponse } from 'node:http'
import type { Answer } from '../answer.ts'

/** Writes an answer with its length, in one piece; no ETag, no cookies, nothing that Express would add. */
export function send(response: ServerResponse, { status, headers, body }: Answer): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}
