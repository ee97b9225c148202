import type { Clock } from '../clock.ts'
import { parseJson, readText } from './body.ts'
import { withDeadline } from './deadline.ts'
import { errorCode } from './error-code.ts'
import { encodeForm, type HttpFields, type HttpForm, revealFields } from './http-form.ts'
import { type HttpAnswer, withHttpRetry } from './http-retry.ts'
import { isLoopback } from './loopback.ts'
import { createReloadingAgent } from './reloading-agent.ts'
import { parseRetryAfter } from './retry-after.ts'
import { type Delay, type Random, systemClock, systemDelay, systemRandom } from './system.ts'
import { createTlsMaterial, type PemSource } from './tls-material.ts'

export interface HttpRequestOptions {
  readonly headers?: HttpFields
  readonly signal: AbortSignal
  /** How many times to try again. Default 0. {@link withHttpRetry} says what is tried again. */
  readonly retries?: number
}

export interface HttpClient {
  postForm(url: string | URL, form: HttpForm, options: HttpRequestOptions): Promise<HttpAnswer>
  getJson(url: string | URL, options: HttpRequestOptions): Promise<HttpAnswer>
  close(): Promise<void>
}

export interface HttpClientOptions {
  /** Trust these authorities instead of the system's; a file is followed when it changes. */
  readonly ca?: PemSource
  /** Speak to this Unix socket, whatever host the URL names. */
  readonly socketPath?: string
  /** Default 1000. */
  readonly connectTimeoutMs?: number
  /** For one try, body included. Default 3000. */
  readonly timeoutMs?: number
  /** Default 64 KiB. */
  readonly maxResponseBytes?: number
  /** Sockets per origin; further calls wait. Default 16. */
  readonly connections?: number
  /** Told when a certificate file cannot be read and the last good one stays in use. */
  readonly onError?: (error: unknown) => void
  readonly clock?: Clock
  readonly delay?: Delay
  readonly random?: Random
}

/** There was no answer, or none that could be read. The message names method, origin and path; never the query. */
export class HttpUnreachable extends Error {
  override readonly name = 'HttpUnreachable'
}

/**
 * A client for our own calls, on one pool of kept sockets. https only, plain http on loopback and Unix sockets. No
 * redirect is followed: it is an answer like any other, as is every status.
 *
 * @returns methods that throw TypeError for an address that is not usable, HttpUnreachable when no answer came in time,
 * and the signal's reason when it is aborted
 */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const { clock = systemClock, delay = systemDelay, random = systemRandom } = options
  const { timeoutMs = 3000, maxResponseBytes = 64 * 1024, onError = () => undefined } = options
  const material = createTlsMaterial(options.ca ? { ca: options.ca } : {}, { clock, maxAgeMs: 30_000, onError })
  const agents = createReloadingAgent(material, {
    connectTimeoutMs: options.connectTimeoutMs ?? 1000,
    connections: options.connections ?? 16,
    keepAliveMs: 30_000,
    ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }),
  })
  const retryAfterSeconds = (answer: HttpAnswer) => parseRetryAfter(answer.headers['retry-after'], clock())

  async function send(request: Prepared, signal: AbortSignal): Promise<HttpAnswer> {
    const agent = await agents.current()
    const answer = await agent.request({ ...request, signal })
    const text = await readText(answer.body, maxResponseBytes)
    return { status: answer.statusCode, headers: flatten(answer.headers), body: parseJson(text) }
  }

  async function call(request: Prepared, { signal, retries = 0 }: HttpRequestOptions): Promise<HttpAnswer> {
    const retry = { method: request.method, retries, retryAfterSeconds, delay, random }
    try {
      return await withHttpRetry(retry, signal, () => withDeadline(timeoutMs, signal, (inner) => send(request, inner)))
    } catch (error) {
      signal.throwIfAborted()
      throw unreachable(request, error)
    }
  }

  const targetOf = (url: string | URL) => checkedTarget(url, options.socketPath !== undefined)
  return Object.freeze({
    postForm: async (url: string | URL, form: HttpForm, request: HttpRequestOptions) => {
      const headers = { ...standardFields, ...formField, ...revealFields(request.headers ?? {}) }
      return await call({ method: 'POST', ...targetOf(url), headers, body: encodeForm(form) }, request)
    },
    getJson: async (url: string | URL, request: HttpRequestOptions) => {
      const headers = { ...standardFields, ...revealFields(request.headers ?? {}) }
      return await call({ method: 'GET', ...targetOf(url), headers }, request)
    },
    close: () => agents.close(),
  })
}

interface Target {
  readonly origin: string
  readonly path: string
}

interface Prepared extends Target {
  readonly method: 'GET' | 'POST'
  readonly headers: Record<string, string>
  readonly body?: string
}

const standardFields = {
  accept: 'application/json',
  'accept-encoding': 'identity',
  'user-agent': 'tekton-token-broker',
} as const
const formField = { 'content-type': 'application/x-www-form-urlencoded' } as const

function checkedTarget(address: string | URL, isSocket: boolean): Target {
  const url = URL.parse(address)
  if (!url || url.username + url.password !== '') throw new TypeError('The address must be a URL without a user')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && (isSocket || isLoopback(url.hostname)))) {
    throw new TypeError('The address must be https (plain http is for loopback only)')
  }
  return { origin: url.origin, path: `${url.pathname}${url.search}` }
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return joined
}

function unreachable(request: Prepared, error: unknown): HttpUnreachable {
  const why = errorCode(error) ?? (error instanceof Error ? error.name : 'unknown')
  const path = request.path.split('?', 1)[0] ?? ''
  return new HttpUnreachable(`${request.method} ${request.origin}${path} failed: ${why}`, { cause: error })
}
