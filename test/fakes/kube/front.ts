import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { sendError } from './answer.ts'
import { type Authenticator, anonymous, type UserInfo } from './authn.ts'
import { type Fault, type FaultPlan, matches, type RequestMatch } from './faults.ts'
import type { Handler } from './handler.ts'
import { type RequestInfo, requestInfo } from './request-info.ts'
import { ApiError, badRequest, unauthorized } from './status.ts'

/** One request that the server has seen. */
export interface SeenRequest {
  readonly info: RequestInfo
  readonly username: string
  /** HTTP status; 0 when a fault kept the answer back. */
  readonly status: number
}

export interface FrontDeps {
  readonly authenticator: Authenticator
  readonly handler: Handler
  readonly faults: FaultPlan
  /** False: a request without a token is refused with 401 instead of being `system:anonymous`. */
  readonly allowsAnonymous: boolean
}

/** The server's door: planned faults, authentication, a log of the last requests. */
export interface Front {
  readonly onRequest: RequestListener
  /** The last 5,000 requests that match, oldest first. */
  seen(match?: RequestMatch): readonly SeenRequest[]
  forget(): void
}

const maxSeen = 5_000

export function createFront({ authenticator, handler, faults, allowsAnonymous }: FrontDeps): Front {
  let log: SeenRequest[] = []

  function remember(entry: SeenRequest): void {
    log.push(entry)
    if (log.length > maxSeen * 2) log = log.slice(-maxSeen)
  }

  function userOf(request: IncomingMessage): UserInfo {
    const header = request.headers.authorization
    if (header === undefined && allowsAnonymous) return anonymous
    const token = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1]
    const result = token === undefined ? undefined : authenticator.authenticate(token)
    if (result?.isAuthenticated !== true) throw unauthorized()
    return result.user
  }

  /** @returns true when the request ends here */
  async function suffer(fault: Fault | undefined, request: IncomingMessage): Promise<boolean> {
    switch (fault?.kind) {
      case 'answer':
        throw faultError(fault.status, fault.retryAfterSeconds)
      case 'delay':
        await new Promise((resolve) => setTimeout(resolve, fault.ms))
        return false
      case 'hang':
        request.resume()
        return true
      case 'cut':
        request.socket.resetAndDestroy()
        return true
      case 'lose':
      case undefined:
        return false
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse, info: RequestInfo): Promise<void> {
    let username = anonymous.username
    const fault = faults.take(info)
    response.once('close', () => {
      remember({ info, username, status: response.headersSent ? response.statusCode : 0 })
    })
    try {
      if (await suffer(fault, request)) return
      const user = userOf(request)
      username = user.username
      await handler({ info, user, request, response: fault?.kind === 'lose' ? muted(response) : response })
    } catch (error) {
      request.resume()
      sendError(response, error)
    }
    if (fault?.kind === 'lose') request.socket.resetAndDestroy()
  }

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    let info: RequestInfo
    try {
      info = requestInfo(request)
    } catch {
      sendError(response, badRequest('the path of the request is malformed'))
      return
    }
    response.on('error', () => response.destroy())
    void serve(request, response, info)
  }

  return Object.freeze({
    onRequest,
    seen: (match = {}) => log.slice(-maxSeen).filter(({ info }) => matches(match, info)),
    forget() {
      log = []
    },
  } satisfies Front)
}

const reasons: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

function faultError(status: number, retryAfterSeconds: number | undefined): ApiError {
  const details = retryAfterSeconds === undefined ? {} : { retryAfterSeconds }
  return new ApiError(status, reasons[status] ?? '', 'planned fault', details)
}

/** A response that swallows what is written, so that a request is carried out and its answer lost. */
function muted(response: ServerResponse): ServerResponse {
  return new Proxy(response, {
    get(target, key) {
      if (key === 'writeHead' || key === 'end' || key === 'write' || key === 'flushHeaders') return () => target
      return Reflect.get(target, key, target) as unknown
    },
  })
}
