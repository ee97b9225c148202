import { inspect } from 'node:util'
import { describe, expect, it, type TestContext } from 'vitest'
import { createHttpClient, type HttpClientOptions, HttpUnreachable } from '../../../core/io/http-client.ts'
import { Secret } from '../../../core/secret.ts'
import { selfSignedCertificate } from '../../fakes/certificate.ts'
import { answerJson, inTurn, noDelay, startScripted } from './scripted-server.ts'

const signal = new AbortController().signal

function clientFor({ onTestFinished }: TestContext, options: HttpClientOptions = {}) {
  const { delay, asked } = noDelay()
  const client = createHttpClient({ delay, random: () => 1, ...options })
  onTestFinished(() => client.close())
  return { client, asked }
}

const busy = { error: 'temporarily_unavailable' }

describe('createHttpClient', () => {
  it('posts a form and reveals its credentials only on the wire', async (context) => {
    const { url, seen } = await startScripted(context.onTestFinished, (_, response) =>
      answerJson(response, 200, { a: 1 }),
    )
    const { client } = clientFor(context)
    const form = [
      ['grant_type', 'x y&z'],
      ['subject_token', new Secret('a.b/c+d')],
    ] as const
    const headers = { authorization: new Secret('Bearer secret') }

    const answer = await client.postForm(`${url}/token?a=b`, form, { headers, signal })

    expect(answer).toMatchObject({ status: 200, body: { a: 1 }, headers: { 'content-type': 'application/json' } })
    expect(seen[0]).toMatchObject({
      method: 'POST',
      path: '/token',
      body: 'grant_type=x+y%26z&subject_token=a.b%2Fc%2Bd',
      headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: 'Bearer secret' },
    })
    expect(inspect(form)).not.toContain('a.b/c')
  })

  it.for([302, 400, 401, 500])('gives the answer %i back as it is', async (status, context) => {
    // Given a server whose redirect leads to itself
    const { url, seen } = await startScripted(context.onTestFinished, (_, response) =>
      answerJson(response, status, { error: 'x' }, { location: '/elsewhere' }),
    )
    const client = createHttpClient()

    const answer = await client.getJson(url, { signal, retries: 2 })

    expect(answer).toMatchObject({ status, body: { error: 'x' } })
    expect(seen).toHaveLength(1)
    await client.close()
  })

  it.for([
    ['no JSON', '<html>'],
    ['nothing', ''],
    ['half of it', '{"a":'],
  ])('has no body for an answer of %s', async ([_, text], context) => {
    const { url } = await startScripted(context.onTestFinished, (_request, response) => void response.end(text))
    const client = createHttpClient()

    expect((await client.getJson(url, { signal })).body).toBeUndefined()

    await client.close()
  })

  it('keeps its sockets for the next calls', async (context) => {
    const server = await startScripted(context.onTestFinished, (_, response) => answerJson(response, 200, {}))
    const { client } = clientFor(context)

    for (let i = 0; i < 20; i += 1) await client.getJson(server.url, { signal })

    // Two, as undici may begin a call before the socket of the last one is free again.
    expect(server.connections()).toBeLessThanOrEqual(2)
  })

  it('refuses an answer over its size limit', async (context) => {
    const { url } = await startScripted(context.onTestFinished, (_, response) =>
      answerJson(response, 200, 'a'.repeat(99)),
    )
    const { client } = clientFor(context, { maxResponseBytes: 100 })

    await expect(client.getJson(url, { signal })).rejects.toMatchObject({ cause: { name: 'BodyTooLarge' } })
  })

  it('gives up when the answer does not come in time', async (context) => {
    const { url } = await startScripted(context.onTestFinished, () => undefined)
    const { client } = clientFor(context, { timeoutMs: 1 })

    await expect(client.getJson(url, { signal })).rejects.toThrow(/^GET .* failed: TimeoutError$/)
  })

  it('gives up when the body does not end in time', async (context) => {
    const { url } = await startScripted(context.onTestFinished, (_, response) => void response.write('{'))
    const { client } = clientFor(context, { timeoutMs: 50 })

    await expect(client.getJson(url, { signal })).rejects.toThrow(HttpUnreachable)
  })

  it('ends with the reason of the caller', async (context) => {
    const caller = new AbortController()
    const { url } = await startScripted(context.onTestFinished, () => caller.abort(new RangeError('enough')))
    const { client } = clientFor(context)

    await expect(client.getJson(url, { signal: caller.signal, retries: 3 })).rejects.toThrow(RangeError)
  })

  it('names origin and path of a call that failed, never its query or credentials', async (context) => {
    const { client } = clientFor(context)
    const form = [['assertion', new Secret('credential')]] as const

    const error = await client
      .postForm('http://127.0.0.1:1/token?code=hidden', form, { signal })
      .catch((failure: unknown) => failure)

    expect(error).toMatchObject({ message: 'POST http://127.0.0.1:1/token failed: ECONNREFUSED' })
    expect(inspect(error)).not.toMatch(/hidden|credential/)
  })

  it.each(['http://broker.example.com/token', 'https://user:pw@broker.example.com', 'ftp://127.0.0.1', 'no url'])(
    'refuses the address %s',
    async (address) => {
      const client = createHttpClient()

      await expect(client.getJson(address, { signal })).rejects.toThrow(TypeError)
      await client.close()
    },
  )
})

describe('retries', () => {
  it.for([503, 429])('posts again when the answer is %i temporarily_unavailable', async (status, context) => {
    const { url, seen } = await startScripted(
      context.onTestFinished,
      inTurn(
        (response) => answerJson(response, status, busy, { 'retry-after': '2' }),
        (response) => answerJson(response, 200, { done: true }),
      ),
    )
    const { delay, asked } = noDelay()
    const client = createHttpClient({ delay, random: () => 1 })

    const answer = await client.postForm(url, [], { signal, retries: 2 })

    expect(answer.body).toEqual({ done: true })
    expect(seen).toHaveLength(2)
    expect(asked).toEqual([2200])
    await client.close()
  })

  it('gives the last answer back when its tries are used up', async (context) => {
    const { url, seen } = await startScripted(context.onTestFinished, (_, response) => answerJson(response, 503, busy))
    const { client, asked } = clientFor(context)

    const answer = await client.postForm(url, [], { signal, retries: 2 })

    expect(answer.status).toBe(503)
    expect(seen).toHaveLength(3)
    expect(asked).toEqual([200, 400])
  })

  it('does not post again unless asked', async (context) => {
    const { url, seen } = await startScripted(context.onTestFinished, (_, response) => answerJson(response, 503, busy))
    const { client } = clientFor(context)

    await client.postForm(url, [], { signal })

    expect(seen).toHaveLength(1)
  })

  it('does not post again when the server asks for more patience than ten seconds', async (context) => {
    const { url, seen } = await startScripted(context.onTestFinished, (_, response) =>
      answerJson(response, 503, busy, { 'retry-after': '11' }),
    )
    const { client } = clientFor(context)

    await client.postForm(url, [], { signal, retries: 2 })

    expect(seen).toHaveLength(1)
  })

  it('does not post again after a connection that broke: the request may have been served', async (context) => {
    const { url, seen } = await startScripted(context.onTestFinished, (_, response) => void response.socket?.destroy())
    const { client } = clientFor(context)

    await expect(client.postForm(url, [], { signal, retries: 2 })).rejects.toThrow(HttpUnreachable)

    expect(seen).toHaveLength(1)
  })

  it('gets again after a connection that broke', async (context) => {
    const { url } = await startScripted(
      context.onTestFinished,
      inTurn(
        (response) => void response.socket?.destroy(),
        (response) => answerJson(response, 200, { done: true }),
      ),
    )
    const { client } = clientFor(context)

    expect((await client.getJson(url, { signal, retries: 1 })).body).toEqual({ done: true })
  })

  it('posts again when no connection came about', async (context) => {
    const { client, asked } = clientFor(context)

    await expect(client.postForm('http://127.0.0.1:1', [], { signal, retries: 2 })).rejects.toThrow(/ECONNREFUSED/)

    expect(asked).toHaveLength(2)
  })

  it('does not try again on a client that was closed', async () => {
    const { delay, asked } = noDelay()
    const client = createHttpClient({ delay })
    await client.close()

    await expect(client.getJson('http://127.0.0.1:1', { signal, retries: 2 })).rejects.toThrow(HttpUnreachable)

    expect(asked).toEqual([])
  })
})

describe('trust', () => {
  it('accepts a server of its own authority only', async (context) => {
    const [ours, other] = [await selfSignedCertificate(), await selfSignedCertificate()]
    const { url } = await startScripted(context.onTestFinished, (_, response) => answerJson(response, 200, {}), ours)
    const trusting = clientFor(context, { ca: { pem: ours.cert } }).client
    const wary = clientFor(context, { ca: { pem: other.cert } }).client
    const plain = clientFor(context).client

    expect((await trusting.getJson(url, { signal })).status).toBe(200)
    await expect(wary.getJson(url, { signal })).rejects.toThrow(HttpUnreachable)
    await expect(plain.getJson(url, { signal })).rejects.toThrow(HttpUnreachable)
  })

  it('does not take an empty file for the authorities of the system', async (context) => {
    const { client } = clientFor(context, { ca: { pem: '' } })

    await expect(client.getJson('https://127.0.0.1:1', { signal })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('PEM') },
    })
  })
})
