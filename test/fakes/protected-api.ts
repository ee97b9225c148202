import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JWTPayload } from 'jose'
import type { Clock } from '../../core/clock.ts'
import { type AccessTokenVerifier, createAccessTokenVerifier, type VerifierOptions } from './access-token-verifier.ts'

/** A resource server that takes access tokens by discovery of their issuer alone, as any API with OAuth middleware does. */
export interface ProtectedApi {
  readonly url: string
  /** Claims of every token that was let in, oldest first. */
  readonly accepted: readonly JWTPayload[]
  /** Status codes answered so far, oldest first. */
  readonly answered: readonly number[]
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface ProtectedApiOptions extends Omit<VerifierOptions, 'clock'> {
  /** Default: the system's. */
  readonly clock?: Clock
  /** Default 127.0.0.1. */
  readonly address?: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Scope that each route needs, by `METHOD /path`; other routes are 404. */
  readonly scopes: Readonly<Record<string, string>>
}

interface Answer {
  readonly status: number
  readonly body: object
  readonly headers?: Readonly<Record<string, string>>
}

const realm = 'rollouts'

/** Serves on loopback unless told otherwise. @see RFC 6750 */
export async function startProtectedApi(options: ProtectedApiOptions): Promise<ProtectedApi> {
  const verifier = createAccessTokenVerifier({ ...options, clock: options.clock ?? (() => new Date()) })
  const accepted: JWTPayload[] = []
  const answered: number[] = []

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    request.resume()
    const { status, body, headers } = await answer(request, { scopes: options.scopes, verifier, accepted }, gone.signal)
    answered.push(status)
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers })
    response.end(`${JSON.stringify(body)}\n`)
  }

  const server = createServer((request, response) => {
    respond(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, options.address ?? '127.0.0.1', resolve)
  })

  async function close(): Promise<void> {
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
    await verifier.close()
  }

  const url = `http://${options.address ?? '127.0.0.1'}:${(server.address() as AddressInfo).port}`
  return Object.freeze({ url, accepted, answered, close, [Symbol.asyncDispose]: close })
}

interface Context {
  readonly scopes: Readonly<Record<string, string>>
  readonly verifier: AccessTokenVerifier
  readonly accepted: JWTPayload[]
}

async function answer(request: IncomingMessage, context: Context, signal: AbortSignal): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://api.invalid')
  if (pathname === '/healthz') return { status: 200, body: { status: 'ok' } }
  const scope = context.scopes[`${request.method} ${pathname}`]
  if (scope === undefined) return { status: 404, body: { error: 'not_found' } }
  if (searchParams.has('access_token'))
    return refused(400, 'invalid_request', 'Send the token in the Authorization header')
  const header = request.headers.authorization
  if (header === undefined) return unauthenticated()
  const token = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1]
  if (token === undefined) return refused(400, 'invalid_request', 'The Authorization header holds no bearer token')
  const verdict = await context.verifier.verify(token, signal)
  switch (verdict.kind) {
    case 'invalid':
      return refused(401, 'invalid_token', verdict.description)
    case 'unavailable':
      return { status: 503, body: { error: 'temporarily_unavailable' }, headers: { 'retry-after': '1' } }
    case 'valid':
      return admitted(verdict.claims, scope, context.accepted)
  }
}

function admitted(claims: JWTPayload, scope: string, accepted: JWTPayload[]): Answer {
  const granted = typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : []
  if (!granted.includes(scope)) return refused(403, 'insufficient_scope', 'The token lacks the scope', scope)
  accepted.push(claims)
  const { sub, jti, pipeline_run: pipelineRun } = claims
  return { status: 201, body: { rollout: accepted.length, by: sub, pipeline_run: pipelineRun, exchange_id: jti } }
}

function unauthenticated(): Answer {
  return { status: 401, body: {}, headers: { 'www-authenticate': `Bearer realm="${realm}"` } }
}

/** @see RFC 6750 §3.1 */
function refused(status: number, error: string, description: string, scope?: string): Answer {
  const wanted = scope === undefined ? '' : `, scope="${scope}"`
  const challenge = `Bearer realm="${realm}", error="${error}", error_description="${description}"${wanted}`
  return { status, body: { error, error_description: description }, headers: { 'www-authenticate': challenge } }
}
