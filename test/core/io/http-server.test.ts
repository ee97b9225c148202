import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { RequestListener, ServerResponse } from 'node:http'
import { connect, createServer as createNetServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it, type TestContext } from 'vitest'
import { createHttpClient } from '../../../core/io/http-client.ts'
import { type RunningServer, type StartOptions, startServer } from '../../../core/io/http-server.ts'
import { selfSignedCertificate } from '../../fakes/certificate.ts'

const signal = new AbortController().signal

const hello: RequestListener = (_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end('{"hello":"world"}')
}

async function started(
  { onTestFinished }: TestContext,
  handler: RequestListener = hello,
  options: Partial<StartOptions> = {},
): Promise<RunningServer> {
  const server = await startServer(handler, { address: '127.0.0.1', port: 0, ...options } as StartOptions)
  onTestFinished(() => server.close(0))
  return server
}

async function folder({ onTestFinished }: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tokenbroker-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

/** Sends bytes and collects everything until the server closes. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

function lines(...fields: readonly string[]): string {
  return `${fields.join('\r\n')}\r\n\r\n`
}

describe('startServer', () => {
  it('serves requests and says its address', async (context) => {
    const server = await started(context)

    const answer = await exchange(server.port, lines('GET /x HTTP/1.1', 'Host: a', 'Connection: close'))

    expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
    expect(answer).toContain('200 OK')
    expect(answer).toContain('{"hello":"world"}')
  })

  it.each([
    ['two Host fields', ['GET / HTTP/1.1', 'Host: a', 'Host: b'], 400],
    ['no Host field', ['GET / HTTP/1.1'], 400],
    ['two Authorization fields', ['GET / HTTP/1.1', 'Host: a', 'Authorization: Bearer x', 'AUTHORIZATION: y'], 400],
    ['two Content-Type fields', ['POST / HTTP/1.1', 'Host: a', 'Content-Type: a/b', 'Content-Type: c/d'], 400],
    ['length and chunks', ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 3', 'Transfer-Encoding: chunked'], 400],
    ['two lengths', ['POST / HTTP/1.1', 'Host: a', 'Content-Length: 3', 'Content-Length: 4'], 400],
    ['another transfer encoding', ['POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: xchunked'], 400],
    ['stacked transfer encodings', ['POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: gzip, chunked'], 400],
    ['an absolute target', ['GET http://b/ HTTP/1.1', 'Host: a'], 400],
    ['a folded field', ['GET / HTTP/1.1', 'Host: a', 'X-A: b', ' c'], 400],
    ['a field without a colon', ['GET / HTTP/1.1', 'Host: a', 'nonsense'], 400],
    ['65 fields', ['GET / HTTP/1.1', 'Host: a', ...Array.from({ length: 64 }, (_, i) => `X-${i}: 1`)], 431],
    ['500 fields', ['GET / HTTP/1.1', 'Host: a', ...Array.from({ length: 499 }, (_, i) => `X-${i}: 1`)], 431],
    ['17 KiB of fields', ['GET / HTTP/1.1', 'Host: a', `X-A: ${'a'.repeat(17 * 1024)}`], 431],
  ])('refuses %s in JSON before the handler sees it', async (_, request, status) => {
    let isServed = false
    const server = await startServer(
      (_request, response) => {
        isServed = true
        response.end()
      },
      { address: '127.0.0.1', port: 0 },
    )

    const answer = await exchange(server.port, lines(...request))
    await server.close(0)

    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toContain('"error":"invalid_request"')
    expect(answer.toLowerCase()).toContain('content-type: application/json')
    expect(isServed).toBe(false)
  })

  it('serves a request with 64 fields', async (context) => {
    const server = await started(context)
    const fields = Array.from({ length: 62 }, (_, i) => `X-${i}: 1`)

    const answer = await exchange(server.port, lines('GET / HTTP/1.1', 'Host: a', 'Connection: close', ...fields))

    expect(answer).toContain('200 OK')
  })

  it.for([
    ['the fields', { headersTimeoutMs: 1 }, 'GET / HTTP/1.1\r\nHost: a\r\n'],
    [
      'the body',
      { headersTimeoutMs: 1, requestTimeoutMs: 1 },
      lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 9'),
    ],
  ] as const)('answers 408 in JSON when %s do not come in time', async ([, limits, request], context) => {
    const server = await started(context, (incoming) => void incoming.resume(), { limits })

    const answer = await exchange(server.port, request)

    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect(answer).toContain('"error":"invalid_request"')
  })

  it('takes its share of requests from one socket, says so, and refuses what comes after', async (context) => {
    const server = await started(context, hello, { limits: { maxRequestsPerSocket: 2 } })

    const answer = await exchange(server.port, lines('GET / HTTP/1.1', 'Host: a').repeat(3))

    expect(answer.match(/HTTP\/1.1 \d+|^connection: .*$/gim)).toEqual([
      'HTTP/1.1 200',
      'Connection: keep-alive',
      'HTTP/1.1 200',
      'Connection: close',
      'HTTP/1.1 503',
      'Connection: close',
    ])
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('credential inside')
      },
    ],
    ['rejects', () => Promise.reject(new Error('credential inside'))],
  ])('answers 500 without details when the handler %s, and goes on', async (_, handler) => {
    const errors: unknown[] = []
    const server = await startServer(handler as RequestListener, {
      address: '127.0.0.1',
      port: 0,
      onError: (error) => errors.push(error),
    })

    const first = await exchange(server.port, lines('GET / HTTP/1.1', 'Host: a'))
    const second = await exchange(server.port, lines('GET / HTTP/1.1', 'Host: a'))
    await server.close(0)

    expect([first, second].map((answer) => answer.slice(0, 12))).toEqual(['HTTP/1.1 500', 'HTTP/1.1 500'])
    expect(first).not.toContain('credential')
    expect(errors).toHaveLength(2)
  })

  it('fails to start on a port that is taken', async (context) => {
    const { port } = await started(context)

    await expect(startServer(hello, { address: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

describe('close', () => {
  /** A server with one request under way. */
  async function busy(context: TestContext) {
    const under = Promise.withResolvers<ServerResponse>()
    const server = await started(context, (_request, response) => under.resolve(response))
    const answer = exchange(server.port, lines('GET / HTTP/1.1', 'Host: a'))
    return { server, answer, response: await under.promise }
  }

  it('lets a request under way finish, and closes its socket with it', async (context) => {
    const { server, answer, response } = await busy(context)

    const closed = server.close(60_000)
    response.end('late')
    await closed

    expect(await answer).toMatch(/connection: close[\s\S]*late$/i)
  })

  it('closes a socket whose answer had promised to keep it', async (context) => {
    const { server, answer, response } = await busy(context)
    response.write('begun, ')

    const closed = server.close(60_000)
    response.end('done')
    await closed

    expect(await answer).toMatch(/keep-alive[\s\S]*begun, [\s\S]*done/i)
  })

  it('closes idle sockets at once', async (context) => {
    const server = await started(context)
    const socket = await openSocket(server.port)
    socket.write(lines('GET / HTTP/1.1', 'Host: a'))
    await new Promise((resolve) => socket.once('data', resolve))

    const gone = new Promise((resolve) => socket.once('close', resolve))
    await server.close(60_000)

    await gone
  })

  it('breaks what is left when the grace period is over', async (context) => {
    const { server, answer } = await busy(context)

    await server.close(1)

    expect(await answer).toBe('')
  })

  it('breaks a socket that never began a request or a handshake', async (context) => {
    const path = await folder(context)
    const server = await started(context, hello, { tls: await certificate(path, 'first') })
    const socket = await openSocket(server.port)
    const gone = new Promise((resolve) => socket.once('close', resolve))

    await server.close(1)

    await gone
  })

  it('accepts nothing more, and may be asked twice', async (context) => {
    const server = await started(context)

    await Promise.all([server.close(60_000), server.close(60_000)])

    await expect(exchange(server.port, '')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('a server that is nearly full', () => {
  it('closes sockets that wait for a next request, and answers who has one', async (context) => {
    let finished = 0
    const handler: RequestListener = (request, response) => {
      response.once('finish', () => {
        finished += 1
      })
      hello(request, response)
    }
    const server = await started(context, handler, { limits: { maxConnections: 10 } })
    const idle = Array.from({ length: 9 }, () => exchange(server.port, lines('GET / HTTP/1.1', 'Host: a')))
    await expect.poll(() => finished).toBe(9)

    const answer = await exchange(server.port, lines('GET / HTTP/1.1', 'Host: a', 'Connection: close'))

    expect(answer).toContain('200 OK')
    expect((await Promise.all(idle)).every((one) => one.includes('200 OK'))).toBe(true)
  })
})

function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', () => undefined)
  })
}

async function certificate(directory: string, name: string) {
  const files = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') }
  const { cert, key } = await selfSignedCertificate([name, '127.0.0.1'])
  await writeFile(files.certFile, cert)
  await writeFile(files.keyFile, key)
  return files
}

function servedName(port: number, options: { maxVersion?: 'TLSv1.1' } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = { port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1' as const, ...options }
    const socket = connectTls({ ...settings, ciphers: 'DEFAULT@SECLEVEL=0' }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

describe('certificates', () => {
  it('serves a new certificate from the reload on', async (context) => {
    const path = await folder(context)
    const server = await started(context, hello, { tls: await certificate(path, 'first') })
    expect(await servedName(server.port)).toBe('first')

    await certificate(path, 'second')
    await server.reload()

    expect(await servedName(server.port)).toBe('second')
  })

  it('keeps the last good pair when the files do not fit together, and reports it', async (context) => {
    const path = await folder(context)
    const errors: unknown[] = []
    const tls = await certificate(path, 'first')
    const server = await started(context, hello, { tls, onError: (error) => errors.push(error) })

    await writeFile(tls.keyFile, (await selfSignedCertificate()).key)
    await server.reload()

    expect(await servedName(server.port)).toBe('first')
    expect(errors).toHaveLength(1)
  })

  it('refuses TLS 1.1', async (context) => {
    const server = await started(context, hello, { tls: await certificate(await folder(context), 'first') })

    await expect(servedName(server.port, { maxVersion: 'TLSv1.1' })).rejects.toThrow()
  })

  it('does not start without its files', async () => {
    const tls = { certFile: '/nonexistent/tls.crt', keyFile: '/nonexistent/tls.key' }

    await expect(startServer(hello, { address: '127.0.0.1', port: 0, tls })).rejects.toMatchObject({
      name: 'StartError',
      cause: { code: 'ENOENT' },
    })
  })
})

describe('Unix sockets', () => {
  it('serves on a path with the permissions asked for', async (context) => {
    const path = join(await folder(context), 'api.sock')
    const server = await startServer(hello, { path, mode: 0o666 })
    context.onTestFinished(() => server.close(0))
    const client = createHttpClient({ socketPath: path })
    context.onTestFinished(() => client.close())

    const answer = await client.getJson('http://sidecar/', { signal })

    expect(server.url).toBe(`unix:${path}`)
    expect(answer.body).toEqual({ hello: 'world' })
  })

  it('takes the place of a socket file that nobody answers on', async (context) => {
    const path = join(await folder(context), 'api.sock')
    await leaveDeadSocket(path)

    const server = await startServer(hello, { path })

    await server.close(0)
  })

  it('leaves a socket alone that somebody answers on', async (context) => {
    const path = join(await folder(context), 'api.sock')
    const first = await startServer(hello, { path })
    context.onTestFinished(() => first.close(0))

    await expect(startServer(hello, { path })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})

/** What a killed process leaves: the file of a socket that nobody listens on. */
async function leaveDeadSocket(path: string): Promise<void> {
  const { link, unlink } = await import('node:fs/promises')
  const server = createNetServer()
  await new Promise<void>((resolve) => server.listen(`${path}.live`, resolve))
  await link(`${path}.live`, path)
  await new Promise((resolve) => server.close(resolve))
  await unlink(`${path}.live`).catch(() => undefined)
}
