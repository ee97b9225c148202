import type { ServerResponse } from 'node:http'
import { ApiError } from './status.ts'

export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  if (response.headersSent || response.destroyed) return
  const length = String(Buffer.byteLength(text))
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-cache, private',
    'content-length': length,
    ...headers,
  })
  response.end(text)
}

export function sendError(response: ServerResponse, error: unknown): void {
  const known = error instanceof ApiError ? error : internal(error)
  const seconds = known.details?.retryAfterSeconds
  const retryAfter = seconds === undefined ? {} : { 'retry-after': String(seconds) }
  sendText(response, known.code, JSON.stringify(known.body()), retryAfter)
}

function internal(error: unknown): ApiError {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return new ApiError(500, 'InternalError', `Internal error occurred: ${text}`)
}
