import type { Clock } from '../../clock.ts'
import { parseJson, readText } from '../body.ts'
import { withDeadline } from '../deadline.ts'
import { systemClock } from '../system.ts'
import { createConnection, type KubeCredentials } from './connection.ts'
import { KubeUnreachable } from './failure.ts'

/** An answer as it came, whatever its status. */
export interface ProbeAnswer {
  readonly status: number
  /** The server's own time, to the second; behind the API server's proxy that of who answered. */
  readonly date: Date | undefined
  readonly text: string
  /** The text as JSON, or undefined where it is none. */
  readonly body: unknown
}

/** Single requests to an API server for somebody who wants to see the answer itself: no retries, refusals are answers. */
export interface KubeProbe {
  /** @throws KubeUnreachable when there is no answer within 10 s, or one of more than 1 MiB */
  get(path: string, signal: AbortSignal): Promise<ProbeAnswer>
  /** @throws as `get` */
  post(path: string, body: object, signal: AbortSignal): Promise<ProbeAnswer>
  close(): Promise<void>
}

const timeoutMs = 10_000
const maxBytes = 1024 * 1024

/** @throws TypeError for an address that is not usable */
export function createKubeProbe(credentials: KubeCredentials, clock: Clock = systemClock): KubeProbe {
  const connection = createConnection(credentials, clock, () => undefined)

  async function send(method: 'GET' | 'POST', path: string, body: object | undefined, signal: AbortSignal) {
    const agent = await connection.agent('request')
    const token = await connection.token()
    const answer = await agent.request({
      origin: connection.origin,
      method,
      path: `${connection.prefix}${path}`,
      headers: {
        accept: 'application/json, application/jwk-set+json, */*',
        'user-agent': 'tekton-token-broker',
        ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal,
    })
    const text = await readText(answer.body, maxBytes)
    const date = new Date(String(answer.headers['date']))
    return {
      status: answer.statusCode,
      date: Number.isNaN(date.getTime()) ? undefined : date,
      text,
      body: parseJson(text),
    }
  }

  async function call(method: 'GET' | 'POST', path: string, body: object | undefined, signal: AbortSignal) {
    try {
      return await withDeadline(timeoutMs, signal, (inner) => send(method, path, body, inner))
    } catch (cause) {
      signal.throwIfAborted()
      throw new KubeUnreachable(`${method} ${path.split('?', 1)[0]} was not answered`, { cause })
    }
  }

  return Object.freeze({
    get: (path: string, signal: AbortSignal) => call('GET', path, undefined, signal),
    post: (path: string, body: object, signal: AbortSignal) => call('POST', path, body, signal),
    close: () => connection.close(),
  })
}
