import { Agent, fetch } from 'undici'
import type { FakeKube } from './server.ts'

export interface Answer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  /** Parsed JSON; the text itself where it is none. */
  readonly body: unknown
}

export interface CallOptions {
  readonly body?: unknown
  /** Default application/json. */
  readonly contentType?: string
  readonly signal?: AbortSignal
}

/** Raw requests to the fake, for tests of the fake and for arranging what only HTTP can arrange. */
export type Call = (method: string, path: string, options?: CallOptions) => Promise<Answer>

/** @param token default the administrator's; null sends none */
export function caller(
  kube: Pick<FakeKube, 'url' | 'ca' | 'adminToken'>,
  token: string | null = kube.adminToken,
): Call {
  const dispatcher = new Agent({ connect: kube.ca === undefined ? {} : { ca: kube.ca } })
  return async (method, path, { body, contentType = 'application/json', signal } = {}) => {
    const answer = await fetch(`${kube.url}${path}`, {
      method,
      dispatcher,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, body: parsed(text) }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
