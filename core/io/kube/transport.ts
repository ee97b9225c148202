import type { Dispatcher } from 'undici'
import type { Clock } from '../../clock.ts'
import { parseJson, readText } from '../body.ts'
import { withDeadline } from '../deadline.ts'
import { parseRetryAfter } from '../retry-after.ts'
import type { Connection } from './connection.ts'
import { KubeUnreachable, kubeError } from './failure.ts'
import type { Retry } from './retry.ts'

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: string
  readonly body?: string
  /** Default: `application/json`. */
  readonly contentType?: string
  /** Whether the same call may be made twice; decides what is retried. */
  readonly isRead: boolean
  readonly maxBytes: number
  /** For one try. */
  readonly timeoutMs: number
}

export interface Transport {
  /** @returns the parsed body of a 2xx answer @throws KubeError, KubeUnreachable, or the reason of the signal */
  call(call: Call, signal: AbortSignal): Promise<unknown>
  /** Opens a watch; the body ends when the server or `signal` ends it. */
  stream(path: string, query: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
}

/** The key set of the cluster has a type of its own, and an API server answers 406 to whoever does not name it. */
const acceptedTypes = 'application/json, application/jwk-set+json'
/** Refusals are read up to this size to learn their reason. */
const refusalBytes = 64 * 1024
const watchHeadersTimeoutMs = 30_000
/** Behind the server's own `timeoutSeconds` and the informer's idle limit: a stream cannot hang for ever. */
const watchBodyTimeoutMs = 360_000

/** Sends requests over a connection: identity, limits, error mapping. Redirects are answers like any other, refused. */
export function createTransport(connection: Connection, retry: Retry, clock: Clock): Transport {
  async function send(call: Call, signal: AbortSignal): Promise<unknown> {
    const agent = await connection.agent('request')
    const answer = await agent.request({
      ...requestLine(call.method, call.path, call.query),
      ...(call.body === undefined ? {} : { body: call.body }),
      headers: await headers(call.body === undefined ? undefined : (call.contentType ?? 'application/json')),
      signal,
    })
    if (!isSuccess(answer)) throw await refusal(call, answer)
    const text = await readText(answer.body, call.maxBytes)
    const body = parseJson(text)
    if (body === undefined) throw new KubeUnreachable(`${describe(call)} was answered with something that is no JSON`)
    return body
  }

  function requestLine(method: string, path: string, query: string | undefined) {
    const target = `${connection.prefix}${path}${query === undefined || query === '' ? '' : `?${query}`}`
    return { origin: connection.origin, method, path: target }
  }

  async function headers(contentType: string | undefined): Promise<Record<string, string>> {
    const token = await connection.token()
    return {
      accept: acceptedTypes,
      'user-agent': 'tekton-token-broker',
      ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }),
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
    }
  }

  async function refusal(call: Pick<Call, 'method' | 'path'>, answer: Dispatcher.ResponseData): Promise<Error> {
    const retryAfter = parseRetryAfter(answer.headers['retry-after'], clock())
    // A refusal whose body cannot be read is still a refusal.
    const text = await readText(answer.body, refusalBytes).catch(() => '')
    return kubeError(describe(call), answer.statusCode, parseJson(text), retryAfter)
  }

  return Object.freeze({
    call: (call: Call, signal: AbortSignal) =>
      retry(call, signal, () => withDeadline(call.timeoutMs, signal, (inner) => send(call, inner))),

    async stream(path: string, query: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
      const call = { method: 'GET', path, isRead: false } as const
      return await retry(call, signal, async () => {
        const agent = await connection.agent('watch')
        const answer = await agent.request({
          ...requestLine('GET', path, query),
          headers: await headers(undefined),
          headersTimeout: watchHeadersTimeoutMs,
          bodyTimeout: watchBodyTimeoutMs,
          signal,
        })
        if (!isSuccess(answer)) throw await refusal(call, answer)
        return answer.body
      })
    },
  })
}

function isSuccess(answer: Dispatcher.ResponseData): boolean {
  return answer.statusCode >= 200 && answer.statusCode < 300
}

/** Method and path, without the query: what error messages may show. */
function describe(call: Pick<Call, 'method' | 'path'>): string {
  return `${call.method} ${call.path}`
}
