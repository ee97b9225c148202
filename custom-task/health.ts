import type { RequestListener, ServerResponse } from 'node:http'

export interface HealthSource {
  readonly isReady: () => boolean
  /** What `/readyz` says where it is not, such as `not serving`. */
  readonly notReady: string
  readonly metrics: { readonly text: () => Promise<string>; readonly contentType: string }
}

/** `/livez`, `/readyz` and `/metrics`; nothing else, and GET only. */
export function createHealth({ isReady, notReady, metrics }: HealthSource): RequestListener {
  return (request, response) => {
    const path = request.url?.split('?', 1)[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'use GET\n')
    if (path === '/livez') return send(response, 200, 'ok\n')
    if (path === '/readyz') return isReady() ? send(response, 200, 'ok\n') : send(response, 503, `${notReady}\n`)
    if (path !== '/metrics') return send(response, 404, 'see /livez, /readyz, /metrics\n')
    metrics.text().then(
      (text) => send(response, 200, text, metrics.contentType),
      () => send(response, 500, 'metrics cannot be collected\n'),
    )
  }
}

function send(response: ServerResponse, status: number, text: string, contentType = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' })
  response.end(text)
}
