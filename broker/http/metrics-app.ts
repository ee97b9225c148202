import type { Express, Request, Response } from 'express'
import type { Problem } from '../../core/problem.ts'
import { createBareApp, sealApp } from './bare-app.ts'

interface Deps {
  /** What only a restart mends, each a sentence; empty while the process is of use. Default: nothing. */
  readonly notLive?: () => readonly string[]
  /** What keeps the broker from working, each a sentence; empty when it is ready. */
  readonly notReady: () => readonly string[]
  /** What a broker that is ready should say all the same, each a sentence. Default: nothing. */
  readonly notes?: () => readonly string[]
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  readonly onError: (problem: Problem) => void
}

/**
 * `/livez`, `/readyz`, `/metrics`. Live means that the event loop turns and that nothing has failed for good; ready means
 * that an exchange could end in a token.
 */
export function createMetricsApp({ notLive = () => [], notReady, notes = () => [], metrics, onError }: Deps): Express {
  const app = createBareApp()
  app.get('/livez', (_request: Request, response: Response) => {
    verdict(response, notLive())
  })
  app.get('/readyz', (_request: Request, response: Response) => {
    verdict(response, notReady(), notes())
  })
  app.get('/metrics', async (_request: Request, response: Response) => {
    const { contentType, text } = await metrics()
    response.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' }).end(text)
  })
  return sealApp(app, onError)
}

function verdict(response: Response, reasons: readonly string[], notes: readonly string[] = []): void {
  const isGood = reasons.length === 0
  const text = `${[...(isGood ? ['ok'] : reasons), ...notes].join('\n')}\n`
  response.writeHead(isGood ? 200 : 503, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' })
  response.end(text)
}
