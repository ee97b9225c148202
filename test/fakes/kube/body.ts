import type { IncomingMessage } from 'node:http'
import { ApiError, badRequest } from './status.ts'

const maxBytes = 3 * 1024 * 1024

/** The JSON of a request; `undefined` for an empty body. @throws ApiError 400, 413 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) {
      throw new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${maxBytes}`)
    }
    chunks.push(chunk)
  }
  if (size === 0) return undefined
  const text = Buffer.concat(chunks).toString()
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw Object.assign(badRequest('the body of the request is no JSON'), { cause })
  }
}

/** Bodies of POST, PUT and DELETE are JSON. @throws ApiError 415 */
export function checkJsonType(request: IncomingMessage): void {
  const mediaType = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (mediaType === undefined || mediaType === 'application/json') return
  const message = 'the body of the request was in an unknown format - accepted media types include: application/json'
  throw new ApiError(415, 'UnsupportedMediaType', message)
}
