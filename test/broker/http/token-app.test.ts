import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Counted, jsonAnswer } from '../../../broker/answer.ts'
import { createTokenApp } from '../../../broker/http/token-app.ts'
import type { Incoming } from '../../../broker/known.ts'
import { type RunningServer, startServer } from '../../../core/io/http-server.ts'
import { formLimits } from '../../../core/oauth/form.ts'
import { Problem } from '../../../core/problem.ts'
import { parseAnswers, post, type RawAnswer, sendRaw } from './raw-socket.ts'

/** In everything that is sent, so that an echo would be seen. */
const marker = 'ZQMARKERQZ'

const asked: (
  | Incoming
  | { readonly endpoint: string; readonly body: string; readonly authorization: string | undefined }
)[] = []
const counted: string[] = []
const errors: Problem[] = []
const behaviour: { next: (() => Promise<never>) | undefined } = { next: undefined }

function endpoint(name: string) {
  return async (incoming: { readonly body: string; readonly authorization: string | undefined }) => {
    asked.push({ endpoint: name, body: incoming.body, authorization: incoming.authorization })
    if (behaviour.next !== undefined) return await behaviour.next()
    return jsonAnswer({ endpoint: name })
  }
}

const app = createTokenApp({
  exchange: async (incoming, signal) => {
    asked.push(incoming)
    if (behaviour.next !== undefined) return await behaviour.next()
    return jsonAnswer({ door: incoming.door, hasDeadline: !signal.aborted })
  },
  introspect: endpoint('introspect'),
  revoke: endpoint('revoke'),
  endRun: endpoint('runs-end'),
  liveRuns: endpoint('runs-live'),
  count: (door, reason) => {
    counted.push(`${door} ${reason}`)
    return { reason } as Counted
  },
  onError: (problem) => errors.push(problem),
  requestTimeoutMs: 5000,
})

let server: RunningServer
beforeAll(async () => {
  server = await startServer(app, {
    address: '127.0.0.1',
    port: 0,
    limits: { headersTimeoutMs: 300, requestTimeoutMs: 600 },
  })
})
afterAll(async () => await server.close(100))
beforeEach(() => {
  asked.length = 0
  counted.length = 0
  errors.length = 0
  behaviour.next = undefined
})

async function send(text: string | Uint8Array): Promise<RawAnswer> {
  const answers = await sendRaw(server.port, text)
  expect(answers).toHaveLength(1)
  return present(answers[0])
}

function present(answer: RawAnswer | undefined): RawAnswer {
  if (answer === undefined) throw new Error('there was no answer')
  return answer
}

/** What holds for every answer of the listener, whoever made it. */
function expectTidy({ headers, body }: RawAnswer): void {
  expect(headers.get('content-type')).toBe('application/json')
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  for (const name of ['x-powered-by', 'etag', 'set-cookie', 'server', 'access-control-allow-origin', 'last-modified']) {
    expect(headers.has(name), name).toBe(false)
  }
  expect(body).not.toContain(marker)
}

function expectError(answer: RawAnswer, status: number, error = 'invalid_request'): void {
  expectTidy(answer)
  expect(answer.status).toBe(status)
  const { error: code, error_description: description } = JSON.parse(answer.body) as Record<string, string>
  expect(code).toBe(error)
  expect(description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+[^.]$/)
}

describe('the token listener', () => {
  it.each(['token', 'authorize'])(
    'hands the body of a POST to /%s as it was sent, with the address of the peer',
    async (door) => {
      const body = 'a=1&b=%20+%C3%A9&c=é'

      const answer = await send(post(body, {}, `POST /${door} HTTP/1.1`))

      expectTidy(answer)
      expect(JSON.parse(answer.body)).toEqual({ door, hasDeadline: true })
      expect(asked).toEqual([{ door, body, peerAddress: '127.0.0.1' }])
    },
  )

  it.each([
    ['/introspect', 'introspect'],
    ['/revoke', 'revoke'],
    ['/runs/end', 'runs-end'],
    ['/runs/live', 'runs-live'],
  ])('hands a POST to %s with its Authorization', async (path, name) => {
    const answer = await send(post('token=x', { Authorization: 'Bearer abc' }, `POST ${path} HTTP/1.1`))

    expect(JSON.parse(answer.body)).toEqual({ endpoint: name })
    expect(asked).toEqual([{ endpoint: name, body: 'token=x', authorization: 'Bearer abc' }])
  })

  it.each([
    'application/x-www-form-urlencoded; charset=utf-8',
    'application/x-www-form-urlencoded;charset="UTF-8"',
    'Application/X-WWW-Form-Urlencoded',
  ])('takes the content type %s', async (type) => {
    expect((await send(post('a=1', { 'Content-Type': type }))).status).toBe(200)
  })

  it('takes a body in chunks', async () => {
    const chunked = post('', { 'Content-Length': undefined, 'Transfer-Encoding': 'chunked' })

    const answer = await send(Buffer.concat([chunked, Buffer.from('3\r\na=1\r\n4\r\n&b=2\r\n0\r\n\r\n')]))

    expect(answer.status).toBe(200)
    expect(asked).toMatchObject([{ body: 'a=1&b=2' }])
  })

  it('takes a body of exactly the limit', async () => {
    const body = `a=${'x'.repeat(formLimits.bodyBytes - 2)}`

    expect((await send(post(body))).status).toBe(200)
    expect(asked).toMatchObject([{ body }])
  })

  it('takes an empty body for an empty form', async () => {
    expect((await send(post(''))).status).toBe(200)
    expect(asked).toMatchObject([{ body: '' }])
  })

  it.each(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'])(
    'refuses %s and says that POST is the way',
    async (method) => {
      const answer = await send(post(`a=${marker}`, {}, `${method} /token HTTP/1.1`))

      expectError(answer, 405)
      expect(answer.headers.get('allow')).toBe('POST')
      expect(counted).toEqual(['token method_not_allowed'])
      expect(asked).toEqual([])
    },
  )

  it('refuses HEAD without a body', async () => {
    const answer = await send(post('', { 'Content-Length': undefined }, 'HEAD /token HTTP/1.1'))

    expect(answer.status).toBe(405)
    expect(answer.body).toBe('')
    expect(counted).toEqual(['token method_not_allowed'])
  })

  it.each([
    ['none', { 'Content-Type': undefined }],
    ['JSON', { 'Content-Type': 'application/json' }],
    ['multipart', { 'Content-Type': `multipart/form-data; boundary=${marker}` }],
    ['text', { 'Content-Type': 'text/plain' }],
    ['a longer name', { 'Content-Type': 'application/x-www-form-urlencoded-2' }],
    ['charset latin-1', { 'Content-Type': 'application/x-www-form-urlencoded; charset=iso-8859-1' }],
    ['charset utf-16', { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-16' }],
    ['another parameter', { 'Content-Type': 'application/x-www-form-urlencoded; version=1' }],
    ['two charsets', { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8; charset=latin1' }],
    ['two types in one field', { 'Content-Type': 'application/x-www-form-urlencoded, application/json' }],
    ['gzip', { 'Content-Encoding': 'gzip' }],
    ['identity, spelt out', { 'Content-Encoding': 'identity' }],
    ['an empty encoding', { 'Content-Encoding': '' }],
  ])('refuses the content type or encoding %s', async (_what, headers) => {
    expectError(await send(post(`a=${marker}`, headers)), 400)
    expect(counted).toEqual(['token unsupported_media_type'])
    expect(asked).toEqual([])
  })

  it('refuses a body that is no UTF-8', async () => {
    expectError(await send(post(Buffer.from([0x61, 0x3d, 0xff]))), 400)
    expect(counted).toEqual(['token malformed_request'])
  })

  it.each([
    ['states', post('', { 'Content-Length': String(formLimits.bodyBytes + 1) })],
    ['states absurdly', post('', { 'Content-Length': '9007199254740993' })],
    ['sends', post('x'.repeat(formLimits.bodyBytes + 1))],
    ['sends in one chunk', chunkedPost(formLimits.bodyBytes + 1)],
  ])('refuses a client that %s more than the limit, and closes', async (_what, text) => {
    const answer = await send(text)

    expectError(answer, 413)
    expect(answer.headers.get('connection')).toBe('close')
    expect(counted).toEqual(['token request_too_large'])
    expect(asked).toEqual([])
  })

  it('answers a client that goes on sending far beyond the limit', async () => {
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        fetch(`${server.url}/token`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: 'x'.repeat(1_000_000),
        }).then(async (response) => [response.status, (await response.json()) as object]),
      ),
    )

    for (const [status, body] of answers) {
      expect(status).toBe(413)
      expect(body).toMatchObject({ error: 'invalid_request' })
    }
  })

  it('does not wait for a body that breaks off', async () => {
    const [answer] = await sendRaw(server.port, post('a=1', { 'Content-Length': '10' }), { ends: true })

    expect(asked).toEqual([])
    expectError(present(answer), 400)
  })

  it.each([
    '/TOKEN',
    '/token/',
    '/Token',
    '/token%2F',
    '//token',
    '/token/x',
    '/',
    '/authorise',
    '/runs',
    '/runs/end/',
    '/.well-known/openid-configuration',
    `/${marker}`,
    `/?a=${marker}`,
  ])('knows no path %s', async (path) => {
    expectError(await send(post(`a=${marker}`, {}, `POST ${path} HTTP/1.1`)), 404)
    expect(asked).toEqual([])
  })

  it('looks at no parameter of the query', async () => {
    await send(post('a=1', {}, 'POST /token?scope=admin&a=2 HTTP/1.1'))

    expect(asked).toMatchObject([{ body: 'a=1' }])
  })

  it.each(['/%', '/%zz', '/token%ff'])('refuses the broken path %s', async (path) => {
    const answer = await send(post('', {}, `POST ${path} HTTP/1.1`))

    expectTidy(answer)
    expect([400, 404]).toContain(answer.status)
  })

  it.each([
    ['Transfer-Encoding beside Content-Length', post('a=1', { 'Transfer-Encoding': 'chunked' }), 400],
    [
      'another transfer coding',
      post('a=1', { 'Content-Length': undefined, 'Transfer-Encoding': 'gzip, chunked' }),
      400,
    ],
    [
      'a coding that only looks like chunked',
      post('a=1', { 'Content-Length': undefined, 'Transfer-Encoding': 'xchunked' }),
      400,
    ],
    ['two Content-Length', raw('Content-Length: 3', 'Content-Length: 3'), 400],
    ['two different Content-Length', raw('Content-Length: 3', 'Content-Length: 4'), 400],
    ['two Content-Type', raw('Content-Type: application/x-www-form-urlencoded', 'Content-Length: 3'), 400],
    ['two Host', raw('Host: other.example.com', 'Content-Length: 3'), 400],
    ['two Authorization', raw(`Authorization: Bearer ${marker}`, 'Authorization: Bearer b', 'Content-Length: 3'), 400],
    ['no Host', post('a=1', { Host: undefined }), 400],
    ['an absolute target', post('a=1', {}, 'POST http://broker.example.com/token HTTP/1.1'), 400],
    ['an absolute target of somebody else', post('a=1', {}, 'POST http://169.254.169.254/token HTTP/1.1'), 400],
    ['the asterisk', post('', {}, 'OPTIONS * HTTP/1.1'), 400],
    ['a folded field', raw('X-A: 1', ' folded', 'Content-Length: 3'), 400],
    ['a space before the colon', raw('X-A : 1', 'Content-Length: 3'), 400],
    ['a field without a name', raw(': 1', 'Content-Length: 3'), 400],
    ['a NUL in a field', raw('X-A: a\0b', 'Content-Length: 3'), 400],
    ['bare line feeds', 'POST /token HTTP/1.1\nHost: a\nContent-Length: 0\n\n', 400],
    ['an unknown method', post('a=1', {}, `${marker} /token HTTP/1.1`), 400],
    ['an unknown version', post('a=1', {}, 'POST /token HTTP/3.0'), 400],
    ['HTTP/2 without being asked', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['no HTTP at all', `${marker}\r\n\r\n`, 400],
    ['TLS on the plain port', Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x00]), 400],
    [
      'a broken chunk',
      Buffer.concat([
        post('', { 'Content-Length': undefined, 'Transfer-Encoding': 'chunked' }),
        Buffer.from('zz\r\na=1\r\n0\r\n\r\n'),
      ]),
      400,
    ],
    ['too many fields', raw(...Array.from({ length: 70 }, (_, i) => `X-${i}: ${marker}`), 'Content-Length: 3'), 431],
    ['over-long fields', raw(`X-A: ${marker.repeat(2000)}`, 'Content-Length: 3'), 431],
    ['an expectation that nobody can meet', post('a=1', { Expect: marker }), 417],
  ])('refuses %s before anything is read of it', async (_what, text, status) => {
    const answer = await send(text)

    expectError(answer, status)
    expect(answer.headers.get('connection')).toBe('close')
    expect(asked).toEqual([])
  })

  it('answers pipelined requests in their order, each by itself', async () => {
    const requests = [
      post('a=1', { Connection: 'keep-alive' }),
      post('a=2', { Connection: 'keep-alive' }, 'GET /token HTTP/1.1'),
      post('a=3', { Connection: 'keep-alive' }, 'POST /authorize HTTP/1.1'),
      post('a=4', {}, 'POST /TOKEN HTTP/1.1'),
    ]

    const answers = await sendRaw(server.port, Buffer.concat(requests))

    expect(answers.map(({ status }) => status)).toEqual([200, 405, 200, 404])
    expect(asked).toMatchObject([
      { door: 'token', body: 'a=1' },
      { door: 'authorize', body: 'a=3' },
    ])
    for (const answer of answers) expectTidy(answer)
  })

  it('serves nothing of what follows a request that was refused', async () => {
    const smuggled = post(`a=${marker}`, {}, 'POST /authorize HTTP/1.1')
    const requests = [post('a=1', { 'Transfer-Encoding': 'chunked', Connection: 'keep-alive' }), smuggled]

    const answers = await sendRaw(server.port, Buffer.concat(requests))

    expect(answers.map(({ status }) => status)).toEqual([400])
    expect(asked).toEqual([])
  })

  it('closes on a client that is slow with its headers', async () => {
    const [answer] = await sendRaw(server.port, 'POST /token HTTP/1.1\r\nHost: a\r\n')

    expect(asked).toEqual([])
    expectError(present(answer), 408)
  })

  it('closes on a client that is slow with its body', async () => {
    const [answer] = await sendRaw(server.port, post('a=', { 'Content-Length': '1000' }))

    expect(asked).toEqual([])
    expectError(present(answer), 408)
  })

  it.each([
    ['a problem', () => Promise.reject(new Problem('caller_not_allowed', { detail: marker })), 403, 'access_denied'],
    ['a bug', () => Promise.reject(new TypeError(marker)), 500, 'server_error'],
    ['something that is no error', () => Promise.reject(marker), 500, 'server_error'],
  ])('answers %s of an endpoint as JSON, counts it and tells the operator', async (_what, next, status, error) => {
    behaviour.next = next

    const answer = await send(post('token=x', { Authorization: `Bearer ${marker}` }, 'POST /introspect HTTP/1.1'))

    expectError(answer, status, error)
    expect(counted).toEqual([`introspect ${errors[0]?.reason}`])
    expect(errors).toHaveLength(1)
  })

  it('asks who is not known to authenticate', async () => {
    behaviour.next = () => Promise.reject(new Problem('caller_unauthenticated'))

    const answer = await send(post('token=x', {}, 'POST /revoke HTTP/1.1'))

    expectError(answer, 401, 'invalid_client')
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="tokenbroker"')
  })
})

function chunkedPost(size: number): Uint8Array {
  const head = post('', { 'Content-Length': undefined, 'Transfer-Encoding': 'chunked' })
  return Buffer.concat([head, Buffer.from(`${size.toString(16)}\r\n${'x'.repeat(size)}\r\n0\r\n\r\n`)])
}

/** A good POST with lines more. */
function raw(...lines: readonly string[]): string {
  const head = [
    'POST /token HTTP/1.1',
    'Host: broker.example.com',
    'Content-Type: application/x-www-form-urlencoded',
    'Connection: close',
  ]
  return `${[...head, ...lines].join('\r\n')}\r\n\r\na=1`
}

describe('parseAnswers', () => {
  it('reads answers one after the other', () => {
    const text =
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 Not Found\r\n\r\n'

    expect(parseAnswers(text).map(({ status, body }) => `${status} ${body}`)).toEqual(['200 ok', '404 '])
  })
})
