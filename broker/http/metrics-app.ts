import type { Express, Request, Response } from 'express'
import type { Problem } from '../../core/problem.ts'
import { createBareApp, sealApp } from './bare-app.ts'

interface Deps {
  /** What keeps the broker from working, each a sentence; empty when it is ready. */
  readonly notReady: () => readonly string[]
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
  readonly onError: (problem: Problem) => void
}

/** `/livez`, `/readyz`, `/metrics`. Live means the event loop turns; ready means an exchange could end in a token. */
export function createMetricsApp({ notReady, metrics, onError }: Deps): Express {
  const app = createBareApp()
  app.get('/livez', (_request: Request, response: Response) => {
    plain(response, 200, 'ok\n')
  })
  app.get('/readyz', (_request: Request, response: Response) => {
    const reasons = notReady()
    plain(response, reasons.length === 0 ? 200 : 503, reasons.length === 0 ? 'ok\n' : `${reasons.join('\n')}\n`)
  })
  app.get('/metrics', async (_request: Request, response: Response) => {
    const { contentType, text } = await metrics()
    response.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' }).end(text)
  })
  return sealApp(app, onError)
}

function plain(response: Response, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }).end(text)
}
