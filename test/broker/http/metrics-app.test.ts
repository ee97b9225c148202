import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createMetricsApp } from '../../../broker/http/metrics-app.ts'
import { type RunningServer, startServer } from '../../../core/io/http-server.ts'
import type { Problem } from '../../../core/problem.ts'

const state: {
  failures: readonly string[]
  reasons: readonly string[]
  metrics: () => Promise<{ contentType: string; text: string }>
} = {
  failures: [],
  reasons: [],
  metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'up 1\n' }),
}
const errors: Problem[] = []

const app = createMetricsApp({
  notLive: () => state.failures,
  notReady: () => state.reasons,
  metrics: () => state.metrics(),
  onError: (problem) => errors.push(problem),
})

let server: RunningServer
beforeAll(async () => {
  server = await startServer(app, { address: '127.0.0.1', port: 0 })
})
afterAll(async () => await server.close(100))
beforeEach(() => {
  state.failures = []
  state.reasons = []
  errors.length = 0
})

async function get(path: string, init: RequestInit = {}) {
  const response = await fetch(`${server.url}${path}`, init)
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    text: await response.text(),
    headers: response.headers,
  }
}

describe('createMetricsApp', () => {
  it('says that it lives, even when it is not ready', async () => {
    state.reasons = ['stopping']

    expect(await get('/livez')).toMatchObject({ status: 200, text: 'ok\n', type: 'text/plain; charset=utf-8' })
  })

  it('says that it does not live when only a restart helps', async () => {
    state.failures = ['the audit journal has failed']

    expect(await get('/livez')).toMatchObject({ status: 503, text: 'the audit journal has failed\n' })
  })

  it('says that it is ready', async () => {
    expect(await get('/readyz')).toMatchObject({ status: 200, text: 'ok\n' })
  })

  it('says everything that keeps it from being ready', async () => {
    state.reasons = ['stopping', 'the audit journal cannot be written']

    expect(await get('/readyz')).toMatchObject({ status: 503, text: 'stopping\nthe audit journal cannot be written\n' })
  })

  it('hands out the metrics with their own type', async () => {
    expect(await get('/metrics')).toMatchObject({
      status: 200,
      text: 'up 1\n',
      type: 'text/plain; version=0.0.4; charset=utf-8',
    })
  })

  it.each(['/livez', '/readyz', '/metrics'])(
    'lets nothing of %s be kept, and says nothing of its make',
    async (path) => {
      const { headers } = await get(path)

      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.has('x-powered-by')).toBe(false)
      expect(headers.has('etag')).toBe(false)
    },
  )

  it.each(['/', '/token', '/METRICS', '/metrics/'])('knows no path %s', async (path) => {
    expect(await get(path)).toMatchObject({ status: 404, type: 'application/json' })
  })

  it('knows no POST', async () => {
    expect(await get('/metrics', { method: 'POST', body: 'a=1' })).toMatchObject({ status: 404 })
  })

  it('answers a failure as JSON without its text, and tells the operator', async () => {
    state.metrics = () => Promise.reject(new TypeError('what went wrong'))

    const { status, type, text } = await get('/metrics')

    expect([status, type]).toEqual([500, 'application/json'])
    expect(text).not.toContain('what went wrong')
    expect(errors).toMatchObject([{ reason: 'internal_error', detail: 'TypeError' }])
  })
})
