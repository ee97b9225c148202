import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rfc3339 } from '../../../core/clock.ts'
import { startServer } from '../../../core/io/http-server.ts'
import { Secret } from '../../../core/secret.ts'
import { encodeAwsCredentials } from '../../../custom-task/aws-credentials.ts'
import type { Granted, NotGranted } from '../../../custom-task/broker-client-answer.ts'
import { createLocalApi } from '../../../custom-task/sidecar/local-api.ts'
import { hashKey } from '../../../custom-task/sidecar/local-client.ts'
import { createTokenCache } from '../../../custom-task/sidecar/token-cache.ts'
import type { TokenTarget } from '../../../custom-task/sidecar/token-target.ts'
import { createManualTime, type ManualTime } from './manual-time.ts'

const key = 'key-of-step-one'
const otherKey = 'key-of-step-two'
const form = 'grant_type=client_credentials'
const formType = 'application/x-www-form-urlencoded'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Record<string, unknown>
}

let time: ManualTime
let port: number
let close: () => Promise<void>
let asked: TokenTarget[]
let answer: (target: TokenTarget) => Promise<Granted | NotGranted>

beforeEach(async () => {
  time = createManualTime()
  asked = []
  answer = async () => ({
    kind: 'granted',
    accessToken: new Secret(`token-${asked.length}`),
    issued: 'bearer',
    expiresAt: new Date(time.clock().getTime() + 300_000),
    scope: ['a', 'b'],
    exchangeId: 'e-1',
  })
  const lifetime = new AbortController()
  const cache = createTokenCache({
    exchange: (target) => {
      asked.push(target)
      return answer(target)
    },
    onGranted: () => undefined,
    clock: time.clock,
    random: () => 0.5,
    lifetime: lifetime.signal,
  })
  const hosts = new Set(['localhost'])
  const steps = [
    {
      keyHash: hashKey(new Secret(key)),
      targets: new Map([
        ['deploy', target('deploy')],
        ['api', target('push')],
      ]),
    },
    { keyHash: hashKey(new Secret(otherKey)), targets: new Map([['other', target('other')]]) },
  ]
  const api = createLocalApi({ cache, steps, clock: time.clock, delay: time.delay, lifetime: lifetime.signal }, hosts)
  const limits = { maxHeaderBytes: 8192, headersTimeoutMs: 100, requestTimeoutMs: 200 }
  const server = await startServer(api, { address: '127.0.0.1', port: 0, limits })
  port = server.port
  hosts.add(`127.0.0.1:${port}`).add(`localhost:${port}`)
  close = async () => {
    lifetime.abort(new Error('stop'))
    await server.close(0)
  }
})

afterEach(() => close())

function target(policy: string): TokenTarget {
  return { policy, audience: undefined, scope: undefined }
}

function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
}

interface Sent {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string | string[]>
  readonly body?: string
}

/** A good request where nothing is said. */
async function ask({ method = 'POST', path = '/token', headers = {}, body = form }: Sent = {}): Promise<Answer> {
  const usual = { 'content-type': formType, authorization: basic('deploy', key) }
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: { ...usual, ...headers },
    agent: false,
  })
  request.end(body)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(text) }
}

describe('createLocalApi', () => {
  it('answers as an OAuth token endpoint does', async () => {
    const { status, headers, body } = await ask()

    expect(status).toBe(200)
    expect(body).toEqual({
      access_token: 'token-1',
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'a b',
      exchange_id: 'e-1',
    })
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    expect(headers).not.toHaveProperty('access-control-allow-origin')
  })

  it('answers from memory, and counts expires_in down', async () => {
    await ask()
    time.advance(1500)
    const { body } = await ask()

    expect(body).toMatchObject({ access_token: 'token-1', expires_in: 298 })
    expect(asked).toHaveLength(1)
  })

  it('asks the broker once for 200 equal callers at once', async () => {
    const arrived = Promise.withResolvers<void>()
    const plain = answer
    answer = async (what) => {
      await arrived.promise
      return await plain(what)
    }
    const answers = Array.from({ length: 200 }, () => ask())
    await expect.poll(() => time.waits.length).toBe(200)
    arrived.resolve()

    expect(new Set((await Promise.all(answers)).map((one) => one.body['access_token']))).toEqual(new Set(['token-1']))
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['Basic', {}],
    ['Basic with percent-encoding (RFC 6749 §2.3.1)', { headers: { authorization: basic('%64eploy', key) } }],
    ['Basic in capitals', { headers: { authorization: basic('deploy', key).replace('Basic', 'BASIC') } }],
    ['Basic and the same client_id', { body: `${form}&client_id=deploy` }],
    ['form fields', { headers: { authorization: [] }, body: `${form}&client_id=deploy&client_secret=${key}` }],
    ['localhost', { headers: { host: 'localhost' } }],
    ['a charset', { headers: { 'content-type': `${formType}; charset=UTF-8` } }],
  ])('takes %s', async (_, sent) => {
    expect(await ask(sent)).toMatchObject({ status: 200, body: { access_token: 'token-1' } })
  })

  it('takes localhost with the port', async () => {
    expect(await ask({ headers: { host: `localhost:${port}` } })).toMatchObject({ status: 200 })
  })

  it('passes on what the caller asks for', async () => {
    await ask({ body: `${form}&scope=b+a&resource=https%3A%2F%2Fapi` })
    await ask({ headers: { authorization: basic('api', key) } })
    await ask({ body: `${form}&scope=a%20b&audience=https://api` })

    expect(asked).toEqual([{ policy: 'deploy', audience: 'https://api', scope: ['a', 'b'] }, target('push')])
  })

  it.each([
    ['another Host (DNS rebinding)', { headers: { host: 'evil.example:8099' } }, 403, 'access_denied'],
    ['the right Host with another port', { headers: { host: '127.0.0.1:1' } }, 403, 'access_denied'],
    ['127.0.0.1 without a port', { headers: { host: '127.0.0.1' } }, 403, 'access_denied'],
    ['an Origin', { headers: { origin: 'http://localhost' } }, 403, 'access_denied'],
    ['an Origin of null', { headers: { origin: 'null' } }, 403, 'access_denied'],
    ['Sec-Fetch-Site', { headers: { 'sec-fetch-site': 'same-origin' } }, 403, 'access_denied'],
    ['Sec-Fetch-Mode', { headers: { 'Sec-Fetch-Mode': 'cors' } }, 403, 'access_denied'],
    ['Forwarded', { headers: { forwarded: 'for=1.2.3.4' } }, 403, 'access_denied'],
    ['X-Forwarded-For', { headers: { 'x-forwarded-for': '127.0.0.1' } }, 403, 'access_denied'],
    ['X-Forwarded-Host', { headers: { 'X-FORWARDED-HOST': 'x' } }, 403, 'access_denied'],
    ['Via', { headers: { via: '1.1 proxy' } }, 403, 'access_denied'],
    ['content encoding', { headers: { 'content-encoding': 'gzip' } }, 403, 'access_denied'],
    ['GET', { method: 'GET', body: '' }, 405, 'invalid_request'],
    ['PUT', { method: 'PUT' }, 405, 'invalid_request'],
    ['OPTIONS (a CORS preflight)', { method: 'OPTIONS', body: '' }, 405, 'invalid_request'],
    ['a query', { path: '/token?grant_type=client_credentials' }, 404, 'invalid_request'],
    ['another path', { path: '/' }, 404, 'invalid_request'],
    ['no content type', { headers: { 'content-type': '' } }, 400, 'invalid_request'],
    ['JSON', { headers: { 'content-type': 'application/json' }, body: '{}' }, 400, 'invalid_request'],
    ['text, as a form in a page may send', { headers: { 'content-type': 'text/plain' } }, 400, 'invalid_request'],
    ['another charset', { headers: { 'content-type': `${formType}; charset=utf-16` } }, 400, 'invalid_request'],
    ['no body', { body: '' }, 400, 'invalid_request'],
    ['no grant type', { body: 'scope=a' }, 400, 'invalid_request'],
    ['another grant type', { body: 'grant_type=password' }, 400, 'unsupported_grant_type'],
    ['a repeated parameter', { body: `${form}&scope=a&scope=b` }, 400, 'invalid_request'],
    ['an empty parameter', { body: `${form}&scope=` }, 400, 'invalid_request'],
    ['an unknown parameter', { body: `${form}&min_tll=5` }, 400, 'invalid_request'],
    ['audience and resource', { body: `${form}&audience=a&resource=b` }, 400, 'invalid_request'],
    ['broken percent-encoding', { body: `${form}&scope=%zz` }, 400, 'invalid_request'],
    ['percent-encoding that is no UTF-8', { body: `${form}&scope=%ff` }, 400, 'invalid_request'],
    ['bytes beyond ASCII', { body: `${form}&scope=ä` }, 400, 'invalid_request'],
    ['a scope with two spaces', { body: `${form}&scope=a++b` }, 400, 'invalid_scope'],
    ['a scope said twice', { body: `${form}&scope=a+a` }, 400, 'invalid_scope'],
    ['a negative min_ttl', { body: `${form}&min_ttl=-1` }, 400, 'invalid_request'],
    ['a min_ttl of more than a day', { body: `${form}&min_ttl=86401` }, 400, 'invalid_request'],
    ['a body over 8 KiB', { body: `${form}&scope=${'a'.repeat(8192)}` }, 413, 'invalid_request'],
    ['no key', { headers: { authorization: [] } }, 401, 'invalid_client'],
    ['a wrong key', { headers: { authorization: basic('deploy', 'wrong') } }, 401, 'invalid_client'],
    [
      'a key with something behind it',
      { headers: { authorization: basic('deploy', `${key}x`) } },
      401,
      'invalid_client',
    ],
    [
      'the beginning of the key',
      { headers: { authorization: basic('deploy', key.slice(0, -1)) } },
      401,
      'invalid_client',
    ],
    ["another step's key", { headers: { authorization: basic('deploy', otherKey) } }, 401, 'invalid_client'],
    ['an unknown policy', { headers: { authorization: basic('nope', key) } }, 401, 'invalid_client'],
    ['a property of objects as policy', { headers: { authorization: basic('__proto__', key) } }, 401, 'invalid_client'],
    ['Bearer', { headers: { authorization: `Bearer ${key}` } }, 401, 'invalid_client'],
    ['no base64', { headers: { authorization: 'Basic !!!' } }, 401, 'invalid_client'],
    ['two ways to authenticate', { body: `${form}&client_id=deploy&client_secret=${key}` }, 400, 'invalid_request'],
    ['two client ids', { body: `${form}&client_id=api` }, 400, 'invalid_request'],
  ])('refuses %s', async (_, sent, status, error) => {
    const got = await ask(sent)

    expect(got).toMatchObject({ status, body: { error, error_description: expect.stringMatching(/^[ !#-[\]-~]+$/) } })
    expect(got.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/json' })
    expect(JSON.stringify(got)).not.toContain(key)
    expect(asked).toEqual([])
  })

  it('says how to ask where the method or the key is wrong', async () => {
    expect((await ask({ method: 'GET', body: '' })).headers).toMatchObject({ allow: 'POST' })
    expect((await ask({ headers: { authorization: [] } })).headers).toMatchObject({
      'www-authenticate': 'Basic realm="tokenbroker"',
    })
  })

  it('refuses a second Host, which Node would drop in silence', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST /token HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n`)
    const [data] = await once(socket, 'data')
    socket.destroy()

    expect(String(data)).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('takes a body that comes in pieces', async () => {
    const socket = connect(port, '127.0.0.1').setNoDelay()
    const fields = `Host: localhost\r\nContent-Type: ${formType}\r\nAuthorization: ${basic('deploy', key)}\r\nTransfer-Encoding: chunked`
    socket.write(`POST /token HTTP/1.1\r\n${fields}\r\n\r\n`)
    for (const piece of ['grant_', 'type=client_', 'credentials']) {
      socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)
    }
    socket.write('0\r\n\r\n')
    const [data] = await once(socket, 'data')
    socket.destroy()

    expect(String(data)).toMatch(/^HTTP\/1\.1 200 .*"access_token":"token-1"/s)
  })

  it('refuses an endless body as soon as it is too large', async () => {
    const socket = connect(port, '127.0.0.1')
    const head = `POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${formType}\r\nTransfer-Encoding: chunked\r\n\r\n`
    socket.write(`${head}2400\r\n${'a'.repeat(0x2400)}\r\n`)
    const [data] = await once(socket, 'data')

    expect(String(data)).toMatch(/^HTTP\/1\.1 413 .*connection: close/is)
    await once(socket, 'close')
  })

  it('cuts off a client that never finishes', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write(
      'POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n\r\ngrant',
    )
    let text = ''
    socket.on('data', (data) => {
      text += data
    })
    await once(socket, 'close')

    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    expect(asked).toEqual([])
  })

  const base = { description: 'Mend it', exchangeId: 'e-9' }
  const unavailable = { ...base, kind: 'unavailable', status: 503, retryAfterSeconds: 4, cause: undefined } as const
  it.each<[string, NotGranted, number, object]>([
    ['a refusal', { ...base, kind: 'refused', error: 'access_denied', status: 400 }, 403, { error: 'access_denied' }],
    [
      'a scope that is not allowed',
      { ...base, kind: 'refused', error: 'invalid_scope', status: 400 },
      400,
      { error: 'invalid_scope' },
    ],
    [
      'a target that is not allowed',
      { ...base, kind: 'refused', error: 'invalid_target', status: 400 },
      400,
      { error: 'invalid_target' },
    ],
    [
      'an approval',
      { ...base, kind: 'pending', intervalSeconds: 5, expiresInSeconds: 9, approval: 'a-1' },
      409,
      { error: 'authorization_pending', interval: 5, approval: 'a-1' },
    ],
    ['a broker that is down', unavailable, 503, { error: 'temporarily_unavailable' }],
    ['a broker with too much to do', { ...unavailable, status: 429 }, 429, { error: 'temporarily_unavailable' }],
    ['a broker that broke', { ...unavailable, status: 500 }, 503, { error: 'temporarily_unavailable' }],
  ])('tells of %s', async (_, result, status, body) => {
    answer = async () => result

    const got = await ask()
    expect(got).toMatchObject({ status, body: { ...body, error_description: 'Mend it', exchange_id: 'e-9' } })
    expect(got.headers['retry-after']).toBe({ pending: '5', unavailable: '4', refused: undefined }[result.kind])
  })

  it('refuses a min_ttl that no token of the policy has, without asking over and over', async () => {
    const first = await ask({ body: `${form}&min_ttl=600` })
    await ask({ body: `${form}&min_ttl=600` })

    expect(first).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    expect(first.body['error_description']).toContain('lives 300 seconds')
    expect(asked).toHaveLength(1)
  })

  it('does not keep a caller for longer than 10 s; the token is there for the next', async () => {
    const arrived = Promise.withResolvers<void>()
    const plain = answer
    answer = async (what) => {
      await arrived.promise
      return await plain(what)
    }
    const slow = ask()
    await expect.poll(() => time.waits).toEqual([10_000])
    time.advance(10_000)

    expect(await slow).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    arrived.resolve()
    expect(await ask()).toMatchObject({ status: 200, body: { access_token: 'token-1' } })
    expect(asked).toHaveLength(1)
  })
})

describe('container credentials of AWS', () => {
  const credentials = { AccessKeyId: 'ASIAEXAMPLEEXAMPLE', SecretAccessKey: 'secret/+access', Token: 'session==' }
  const aws = { method: 'GET', path: '/aws/deploy', body: '', headers: { authorization: key } }

  function giveCredentials(): void {
    answer = async () => ({
      kind: 'granted',
      accessToken: new Secret(encodeAwsCredentials(credentials)),
      issued: 'aws-credentials',
      expiresAt: new Date(time.clock().getTime() + 900_000),
      scope: [],
      exchangeId: 'e-1',
    })
  }

  it.each([key, `Bearer ${key}`])('are answered to Authorization: %s', async (authorization) => {
    giveCredentials()
    const { status, headers, body } = await ask({ ...aws, headers: { authorization } })

    expect(status).toBe(200)
    expect(body).toEqual({ ...credentials, Expiration: rfc3339(new Date(time.clock().getTime() + 900_000)) })
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' })
    await ask(aws)
    expect(asked).toHaveLength(1)
  })

  it.each([
    ['no key', { headers: { authorization: [] } }, 401, 'invalid_client'],
    ['a wrong key', { headers: { authorization: 'wrong' } }, 401, 'invalid_client'],
    ['the key of another step', { headers: { authorization: otherKey } }, 401, 'invalid_client'],
    ['a policy of another step', { path: '/aws/other' }, 401, 'invalid_client'],
    ['a path with a query', { path: '/aws/deploy?a=b' }, 404, 'invalid_request'],
    ['a path that climbs', { path: '/aws/../token' }, 404, 'invalid_request'],
    ['an encoded path', { path: '/aws/%64eploy' }, 404, 'invalid_request'],
    ['POST', { method: 'POST' }, 405, 'invalid_request'],
    ['a proxy', { headers: { authorization: key, 'x-forwarded-for': '10.0.0.1' } }, 403, 'access_denied'],
    ['another Host', { headers: { authorization: key, host: 'evil.example' } }, 403, 'access_denied'],
  ])('are refused to %s', async (_, sent, status, error) => {
    giveCredentials()

    expect(await ask({ ...aws, ...sent })).toMatchObject({ status, body: { error } })
    expect(asked).toEqual([])
  })

  it('are not what a policy with a token gives, nor the other way round', async () => {
    expect(await ask(aws)).toMatchObject({
      status: 400,
      body: { error_description: expect.stringContaining('web identity') },
    })
    expect(await ask(aws)).toMatchObject({ status: 400 })

    giveCredentials()
    expect(await ask({ headers: { authorization: basic('api', key) } })).toMatchObject({
      status: 400,
      body: { error: 'invalid_request', error_description: expect.stringContaining('GET /aws/<policy>') },
    })
  })

  it('pass on what the broker refuses', async () => {
    answer = async () => ({
      kind: 'refused',
      error: 'access_denied',
      description: 'Mend it',
      status: 400,
      exchangeId: 'e-2',
    })
    expect(await ask(aws)).toMatchObject({ status: 403, body: { error: 'access_denied', exchange_id: 'e-2' } })
  })
})
