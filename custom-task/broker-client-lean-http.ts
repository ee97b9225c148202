import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https'
import type { Clock } from '../core/clock.ts'
import { parseJson, readText } from '../core/io/body.ts'
import { withDeadline } from '../core/io/deadline.ts'
import type { HttpClient } from '../core/io/http-client.ts'
import { encodeForm, revealFields } from '../core/io/http-form.ts'
import { type HttpAnswer, withHttpRetry } from '../core/io/http-retry.ts'
import { isLoopback } from '../core/io/loopback.ts'
import { parseRetryAfter } from '../core/io/retry-after.ts'
import type { Delay, Random } from '../core/io/system.ts'
import { createTlsMaterial, type PemSource, type TlsMaterial, tlsOptions } from '../core/io/tls-material.ts'

export interface LeanHttpOptions {
  /** Trust these authorities instead of the system's; a file is followed when it changes. */
  readonly ca?: PemSource
  /** For one try, body included. */
  readonly timeoutMs: number
  /** Told when the file of the authorities cannot be read and the last good ones stay in use. */
  readonly onError: (error: unknown) => void
  readonly clock: Clock
  readonly delay: Delay
  readonly random: Random
}

const connectTimeoutMs = 1000
const maxResponseBytes = 64 * 1024
const maxSockets = 16

/** There was no connection in time. The code is the one that the retry knows as "nothing was sent". */
class ConnectTimeout extends Error {
  override readonly name = 'ConnectTimeout'
  readonly code = 'UND_ERR_CONNECT_TIMEOUT'
}

/**
 * `postForm` of the HTTP client on Node's own modules, with the same rules: https only (plain http on loopback), no
 * redirect followed, the same retries. The sidecar is in every pod and has no use for undici's 15 MiB.
 */
export function createLeanHttp(options: LeanHttpOptions): Pick<HttpClient, 'postForm'> {
  const { clock, delay, random, timeoutMs, onError } = options
  const material = createTlsMaterial(options.ca ? { ca: options.ca } : {}, { clock, maxAgeMs: 30_000, onError })
  const plainAgent = new HttpAgent({ keepAlive: true, maxSockets })
  let secure: { readonly from: TlsMaterial; readonly agent: HttpsAgent } | undefined

  async function secureAgent(): Promise<HttpsAgent> {
    const from = await material.current()
    if (secure?.from === from) return secure.agent
    // Requests under way keep their sockets; new ones are made with the new authorities.
    secure?.agent.destroy()
    secure = { from, agent: new HttpsAgent({ keepAlive: true, maxSockets, ...tlsOptions(from) }) }
    return secure.agent
  }

  async function send(
    url: URL,
    body: string,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const isSecure = url.protocol === 'https:'
    const agent = isSecure ? await secureAgent() : plainAgent
    const answer = await post(url, { agent, headers, signal, rejectUnauthorized: true }, body)
    const text = await readText(answer, maxResponseBytes)
    return { status: answer.statusCode ?? 0, headers: flatten(answer), body: parseJson(text) }
  }

  return Object.freeze({
    postForm: async (address: string | URL, form, { headers = {}, signal, retries = 0 }) => {
      const url = checkedUrl(address)
      const body = encodeForm(form)
      const fields = { ...standardFields, 'content-length': String(Buffer.byteLength(body)), ...revealFields(headers) }
      const retryAfterSeconds = (answer: HttpAnswer) => parseRetryAfter(answer.headers['retry-after'], clock())
      const retry = { method: 'POST', retries, retryAfterSeconds, delay, random } as const
      return await withHttpRetry(retry, signal, () =>
        withDeadline(timeoutMs, signal, (inner) => send(url, body, fields, inner)),
      )
    },
  } satisfies Pick<HttpClient, 'postForm'>)
}

const standardFields = {
  accept: 'application/json',
  'accept-encoding': 'identity',
  'content-type': 'application/x-www-form-urlencoded',
  'user-agent': 'tekton-token-broker',
} as const

function checkedUrl(address: string | URL): URL {
  const url = new URL(address)
  const isAllowed = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
  if (isAllowed && url.username + url.password === '') return url
  throw new TypeError('The address must be https without a user (plain http is for loopback only)')
}

function post(url: URL, options: RequestOptions, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const open = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = open(url, { ...options, method: 'POST' })
    request.on('response', resolve)
    request.on('error', reject)
    request.on('socket', (socket) => {
      if (!socket.connecting) return
      const timer = setTimeout(() => request.destroy(new ConnectTimeout('No connection in time')), connectTimeoutMs)
      const clear = (): void => clearTimeout(timer)
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', clear).once('close', clear)
    })
    request.end(body)
  })
}

function flatten(answer: IncomingMessage): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return joined
}
