import type { RequestListener, ServerResponse } from 'node:http'
import type { DeliveryReport } from './delivery.ts'

/**
 * `/livez` and `/readyz`, for the kubelet and the gate. Ready means that every token is there, or is optional and was
 * asked for in vain. The reasons are told to callers inside the pod only: the port is open to the network.
 */
export function createHealth(reports: () => readonly DeliveryReport[]): RequestListener {
  return (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0]
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (!isRead) send(response, 405, { status: 'unknown' })
    else if (path === '/livez') send(response, 200, { status: 'alive' })
    else if (path === '/readyz') sendReadiness(response, reports(), isLoopbackPeer(request.socket.remoteAddress))
    else send(response, 404, { status: 'unknown' })
  }
}

function sendReadiness(response: ServerResponse, all: readonly DeliveryReport[], isInside: boolean): void {
  const status = summary(all)
  send(response, status === 'ready' ? 200 : 503, { status, ...(isInside ? { policies: all.map(tell) } : {}) })
}

function isSettled(report: DeliveryReport): boolean {
  if (report.status === 'ready') return true
  return report.isOptional && (report.status === 'refused' || report.status === 'unavailable')
}

function summary(all: readonly DeliveryReport[]): 'ready' | 'refused' | 'waiting' {
  if (all.every(isSettled)) return 'ready'
  return all.some((report) => report.status === 'refused' && !report.isOptional) ? 'refused' : 'waiting'
}

function tell(report: DeliveryReport): Readonly<Record<string, string | boolean>> {
  return {
    policy: report.policy,
    name: report.name,
    status: report.status,
    optional: report.isOptional,
    ...(report.message === undefined ? {} : { message: report.message }),
    ...(report.exchangeId === undefined ? {} : { exchange_id: report.exchangeId }),
  }
}

function isLoopbackPeer(address: string | undefined): boolean {
  return address !== undefined && /^(?:::ffff:)?127\.|^::1$/.test(address)
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}
