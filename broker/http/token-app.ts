import type { Express, Request, Response } from 'express'
import type { Problem, ProblemReason } from '../../core/problem.ts'
import { type Answer, type Counted, countedAnswer } from '../answer.ts'
import { asProblem, type Exchange } from '../exchange.ts'
import type { Door } from '../known.ts'
import { createBareApp, sealApp } from './bare-app.ts'
import { readFormBody } from './read-form-body.ts'
import { send } from './send.ts'

/** An endpoint whose caller proves itself by `Authorization: Bearer`: introspection, revocation, end of a run. */
export type CallerEndpoint = (
  incoming: {
    readonly body: string
    readonly authorization: string | undefined
    readonly peerAddress: string | undefined
  },
  signal: AbortSignal,
) => Promise<Answer>

interface Deps {
  readonly exchange: Exchange
  readonly introspect: CallerEndpoint
  readonly revoke: CallerEndpoint
  readonly endRun: CallerEndpoint
  readonly count: (door: Door | 'introspect' | 'revoke' | 'runs-end', reason: ProblemReason) => Counted
  readonly onError: (problem: Problem) => void
  /** Longest time for one request; what waits for others is given up then. */
  readonly requestTimeoutMs: number
}

type Handle = (request: Request, body: string, signal: AbortSignal) => Promise<Answer>

/** The token listener: `/token`, `/authorize`, `/introspect`, `/revoke`, `/runs/end`. @see docs/reference/http.md */
export function createTokenApp(deps: Deps): Express {
  const app = createBareApp()

  function route(path: string, door: Parameters<Deps['count']>[0], handle: Handle): void {
    app.all(path, async (request: Request, response: Response) => {
      send(response, await answered(request, door, handle))
    })
  }

  async function answered(request: Request, door: Parameters<Deps['count']>[0], handle: Handle): Promise<Answer> {
    try {
      const body = await readFormBody(request)
      return await handle(request, body, AbortSignal.timeout(deps.requestTimeoutMs))
    } catch (cause) {
      const problem = asProblem(cause)
      deps.onError(problem)
      return countedAnswer(problem, deps.count(door, problem.reason))
    }
  }

  const exchangeAt = (door: Door) => (request: Request, body: string, signal: AbortSignal) =>
    deps.exchange({ door, body, peerAddress: request.socket.remoteAddress }, signal)
  const callerAt = (endpoint: CallerEndpoint) => (request: Request, body: string, signal: AbortSignal) =>
    endpoint({ body, authorization: request.headers.authorization, peerAddress: request.socket.remoteAddress }, signal)

  route('/token', 'token', exchangeAt('token'))
  route('/authorize', 'authorize', exchangeAt('authorize'))
  route('/introspect', 'introspect', callerAt(deps.introspect))
  route('/revoke', 'revoke', callerAt(deps.revoke))
  route('/runs/end', 'runs-end', callerAt(deps.endRun))
  return sealApp(app, deps.onError)
}
