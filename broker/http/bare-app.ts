import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import { Problem } from '../../core/problem.ts'
import { problemAnswer } from '../answer.ts'
import { asProblem } from '../exchange.ts'
import { notFound } from './not-found.ts'
import { send } from './send.ts'

/** An Express application without what it does unasked: no X-Powered-By, no ETag, no lax routes, no HTML. */
export function createBareApp(): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.set('query parser', false)
  return app
}

/** Ends an application: whatever was not answered is a JSON 404, whatever was thrown a JSON error. Comes last. */
export function sealApp(app: Express, onError: (problem: Problem) => void): Express {
  app.use((_request: Request, response: Response) => {
    send(response, notFound)
  })
  app.use((cause: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const problem = isBadPath(cause) ? new Problem('malformed_request', { cause }) : asProblem(cause)
    onError(problem)
    send(response, problemAnswer(problem))
  })
  return app
}

/** Express throws an error with status 400 for a path whose percent-encoding is broken. */
function isBadPath(cause: unknown): boolean {
  return cause instanceof URIError || (cause instanceof Error && 'status' in cause && cause.status === 400)
}
