import type { IncomingMessage } from 'node:http'
import type { Express, Request, Response } from 'express'
import type { AuditRequest } from '../../core/audit/event.ts'
import { createSharedDeadline } from '../../core/io/deadline.ts'
import type { Problem, ProblemReason } from '../../core/problem.ts'
import { type Answer, type Counted, countedAnswer } from '../answer.ts'
import { asProblem, type Exchange } from '../exchange.ts'
import type { Door } from '../known.ts'
import { createBareApp, sealApp } from './bare-app.ts'
import { readFormBody } from './read-form-body.ts'
import { send } from './send.ts'

/** An endpoint whose caller proves itself by `Authorization: Bearer`: introspection, revocation, ends of runs. */
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
  readonly liveRuns: CallerEndpoint
  readonly count: (door: AuditRequest['door'], reason: ProblemReason) => Counted
  readonly onError: (problem: Problem) => void
  /** Longest time for one request; what waits for others is given up then. */
  readonly requestTimeoutMs: number
}

type Handle = (request: IncomingMessage, body: string, signal: AbortSignal) => Promise<Answer>

interface Route {
  readonly door: Parameters<Deps['count']>[0]
  readonly handle: Handle
}

/** The token listener: `/token`, `/authorize`, `/explain`, `/introspect`, `/revoke`, `/runs/end`, `/runs/live`. @see docs/reference/http.md */
export function createTokenApp(deps: Deps): Express {
  const deadline = createSharedDeadline(deps.requestTimeoutMs)

  const exchangeAt = (door: Door): Route => ({
    door,
    handle: (request, body, signal) => deps.exchange({ door, body, peerAddress: request.socket.remoteAddress }, signal),
  })
  const callerAt = (door: Route['door'], endpoint: CallerEndpoint): Route => ({
    door,
    handle: ({ headers, socket }, body, signal) =>
      endpoint({ body, authorization: headers.authorization, peerAddress: socket.remoteAddress }, signal),
  })
  const routes = new Map([
    ['/token', exchangeAt('token')],
    ['/authorize', exchangeAt('authorize')],
    ['/explain', exchangeAt('explain')],
    ['/introspect', callerAt('introspect', deps.introspect)],
    ['/revoke', callerAt('revoke', deps.revoke)],
    ['/runs/end', callerAt('runs-end', deps.endRun)],
    ['/runs/live', callerAt('runs-live', deps.liveRuns)],
  ])

  async function answered(request: IncomingMessage, { door, handle }: Route): Promise<Answer> {
    try {
      return await handle(request, await readFormBody(request), deadline())
    } catch (cause) {
      const problem = asProblem(cause)
      deps.onError(problem)
      return countedAnswer(problem, deps.count(door, problem.reason))
    }
  }

  const app = createBareApp()
  for (const [path, route] of routes) {
    // Not app.all: that makes a layer for each of 34 methods, and a POST walks over most of them.
    app.route(path).all(async (request: Request, response: Response) => send(response, await answered(request, route)))
  }
  return sealApp(app, deps.onError)
}
