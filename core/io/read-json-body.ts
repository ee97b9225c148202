import type { IncomingMessage } from 'node:http'
import { parseJson } from './body.ts'
import type { BodyBudget } from './body-budget.ts'

export type ReadBody =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly status: 400 | 413 | 415 | 503; readonly description: string }

export interface BodyLimits {
  readonly maxBytes: number
  readonly budget: BodyBudget
}

const mediaType = /^application\/json(?:\s*;\s*charset=(?:utf-8|"utf-8"))?$/i

/** The JSON of a request, with its size bounded alone and together with others. */
export async function readJsonBody(request: IncomingMessage, limits: BodyLimits): Promise<ReadBody> {
  const { 'content-type': type = '', 'content-encoding': encoding, 'content-length': length } = request.headers
  if (!mediaType.test(type.trim()) || encoding !== undefined) return refused(415, 'Send application/json in UTF-8')
  if (Number(length ?? 0) > limits.maxBytes) return tooLarge(limits.maxBytes)
  const bytes = await readBytes(request, limits)
  if (!Buffer.isBuffer(bytes)) return bytes
  const value = parseJson(decode(bytes))
  return value === undefined ? refused(400, 'The body is no JSON') : { kind: 'json', value }
}

/** By events: leaving `for await` early would break the connection before the answer. */
function readBytes(request: IncomingMessage, { maxBytes, budget }: BodyLimits): Promise<Buffer | ReadBody> {
  const { promise, resolve } = Promise.withResolvers<Buffer | ReadBody>()
  const chunks: Buffer[] = []
  let taken = 0
  const stop = (answer: ReadBody): void => {
    request.removeAllListeners('data').pause()
    resolve(answer)
  }
  request.on('data', (chunk: Buffer) => {
    if (taken + chunk.byteLength > maxBytes) return stop(tooLarge(maxBytes))
    if (!budget.take(chunk.byteLength)) return stop(refused(503, 'Too many requests at once'))
    taken += chunk.byteLength
    chunks.push(chunk)
  })
  request.on('end', () => resolve(Buffer.concat(chunks)))
  // Both also come after the end, when nobody listens any more; before it nobody is left to be answered.
  request.on('error', () => resolve(refused(400, 'The body was cut off')))
  request.on('close', () => resolve(refused(400, 'The body was cut off')))
  return promise.finally(() => budget.give(taken))
}

/** What is no UTF-8 becomes no JSON. */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return ''
  }
}

function tooLarge(maxBytes: number): ReadBody {
  return refused(413, `The body is over ${maxBytes} bytes`)
}

function refused(status: 400 | 413 | 415 | 503, description: string): ReadBody {
  return { kind: 'refused', status, description }
}
