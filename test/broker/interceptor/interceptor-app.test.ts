import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createInterceptorApp } from '../../../broker/interceptor/interceptor-app.ts'
import { maxEventBody } from '../../../broker/interceptor/interceptor-request.ts'
import { type RunningServer, startServer } from '../../../core/io/http-server.ts'
import { delivery, interceptorRequest, pushBody, startInterceptor } from './interceptor-fixture.ts'

const clock = () => new Date('2026-03-01T12:00:00.000Z')
let github: Awaited<ReturnType<typeof startInterceptor>>
let server: RunningServer
const observed: string[] = []

beforeAll(async () => {
  github = await startInterceptor({ clock })
  const app = createInterceptorApp({
    intercept: async ({ body, header, eventId }) => {
      const names = ['X-GitHub-Event', 'X-Hub-Signature-256']
      const headers = Object.fromEntries(names.flatMap((name) => (header(name) ? [[name, [header(name) ?? '']]] : [])))
      return await github.intercept({ body, header: headers }, { eventId })
    },
    observe: (outcome) => observed.push(outcome.kind === 'registered' ? outcome.kind : outcome.reason),
  })
  server = await startServer(app, { address: '127.0.0.1', port: 0 })
})

afterAll(async () => {
  await server.close(0)
  await github[Symbol.asyncDispose]()
})

async function post(body: unknown, init: RequestInit = {}, path = '/intercept') {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  })
  return { status: response.status, json: (await response.json()) as Readonly<Record<string, unknown>> }
}

describe('POST /intercept', () => {
  it('lets a signed event go on, and gives its fields to bindings', async () => {
    const answer = await post(interceptorRequest(github.signed('push', pushBody())))

    expect(answer).toEqual({
      status: 200,
      json: {
        continue: true,
        status: { code: 0, message: '' },
        extensions: {
          tokenbroker: { sender: 'acme', kind: 'github', fields: expect.objectContaining({ ref: 'refs/heads/main' }) },
        },
      },
    })
    expect(observed.at(-1)).toBe('registered')
  })

  it.each([
    ['unsigned', (body: string) => ({ body, header: {} }), 16],
    ['signed by another', (body: string) => github.signed('push', body, 'another secret'), 16],
    ['signed over another body', (body: string) => ({ ...github.signed('push', body), body: `${body} ` }), 16],
  ])('stops an event that is %s, with a gRPC code and the mend', async (_name, message, code) => {
    const { status, json } = await post(interceptorRequest(message(pushBody({ other: 1 }))))

    expect(status).toBe(200)
    expect(json).toEqual({ continue: false, status: { code, message: expect.stringMatching(/secret/) } })
  })

  it('verifies the bytes that JSON escapes, as Go writes them', async () => {
    const body = pushBody({ message: '<a href="x">&\u2028é💥</a>' })
    const text = JSON.stringify(interceptorRequest(github.signed('push', body), { eventId: randomUUID() }))
      .replaceAll('<', '\\u003c')
      .replaceAll('&', '\\u0026')

    expect((await post(text)).json).toMatchObject({ continue: true })
  })

  it.each([
    ['no context', { body: '{}', header: {} }],
    ['another param', interceptorRequest({ body: '{}', header: {} }, { params: { secret: 'x' } })],
    ['an id that no label can have', interceptorRequest({ body: '{}', header: {} }, { eventId: 'a/b' })],
    ['a body over 1 MiB', interceptorRequest({ body: 'x'.repeat(maxEventBody + 1), header: {} })],
  ])('stops a request with %s', async (_name, request) => {
    expect((await post(request)).json).toMatchObject({ continue: false, status: { code: 3 } })
    expect(observed.at(-1)).toBe('event_malformed')
  })

  it('takes what a sink may leave out or set to null', () => {
    const context = { event_id: 'e', trigger_id: 'namespaces/ci/triggers/push' }
    const { header } = { header: null }
    expect(delivery({ body: '', header: {} }).trigger).toEqual({ namespace: 'ci', name: 'push' })
    return expect(post({ body: '{}', header, interceptor_params: null, context })).resolves.toMatchObject({
      status: 200,
      json: { continue: false, status: { code: 16 } },
    })
  })

  it.each([
    ['another path', [{}, {}, '/'], 404],
    ['another method', [undefined, { method: 'GET', body: null }], 405],
    ['another type', [{}, { headers: { 'content-type': 'text/plain' } }], 415],
    ['no JSON', ['{'], 400],
    ['more than six MiB', ['x'.repeat(6 * maxEventBody + 1)], 413],
  ] as const)('answers %s as HTTP does', async (_name, [body, init, path], status) => {
    expect((await post(body, init, path)).status).toBe(status)
  })
})
