import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHttpClient } from '../../core/io/http-client.ts'
import { Secret } from '../../core/secret.ts'
import { decodeAwsCredentials, encodeAwsCredentials } from '../../custom-task/aws-credentials.ts'
import { createBrokerClient } from '../../custom-task/broker-client.ts'
import { createLeanHttp } from '../../custom-task/broker-client-lean-http.ts'
import { createTokenFile } from '../../custom-task/broker-client-token-file.ts'
import { type FakeBroker, granted, refused, startFakeBroker } from '../fakes/broker.ts'

const now = new Date('2026-01-01T00:00:00Z')
const { signal } = new AbortController()
const customRun = { namespace: 'payments', name: 'token', uid: '11111111-2222-3333-4444-555555555555' }

let directory: string
let tokenFile: string
let broker: FakeBroker

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-client-'))
  tokenFile = join(directory, 'token')
  await writeFile(tokenFile, 'own.token.one\n')
  broker = await startFakeBroker()
})

afterEach(async () => {
  await broker.close()
  await rm(directory, { recursive: true })
})

function client(url = broker.url) {
  const waits: number[] = []
  const http = createLeanHttp({
    timeoutMs: 5000,
    onError: () => undefined,
    clock: () => now,
    delay: async (ms) => void waits.push(ms),
    random: () => 0.5,
  })
  return { waits, ...createBrokerClient({ url, http, ownToken: createTokenFile(tokenFile), clock: () => now }) }
}

describe('createBrokerClient', () => {
  it('asks for itself with the projected token as the subject', async () => {
    const result = await client().exchange(
      { policy: 'deploy', audience: 'https://api', scope: ['a', 'b'], requestedExpirySeconds: 60 },
      signal,
    )

    expect(Object.fromEntries(broker.requests[0]?.form ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'own.token.one',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      policy: 'deploy',
      audience: 'https://api',
      scope: 'a b',
      requested_expiry: '60',
    })
    expect(result).toMatchObject({
      kind: 'granted',
      expiresAt: new Date('2026-01-01T00:05:00Z'),
      scope: ['deploy:staging'],
    })
    expect(result.kind === 'granted' && result.accessToken.reveal()).toBe('token-1')
  })

  it('knows a set of AWS credentials by its token type, and takes nothing that only looks like one', async () => {
    const credentials = { AccessKeyId: 'ASIAEXAMPLEEXAMPLE', SecretAccessKey: 'a/+b', Token: 'c==' }
    const more = { token_type: 'N_A', issued_token_type: 'urn:tokenbroker:params:token-type:aws-credentials' }
    const text = encodeAwsCredentials(credentials)
    const answers = [
      [text, more],
      [text, { ...more, token_type: 'Bearer' }],
      [text, { ...more, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }],
      ['no-credentials', more],
      [Buffer.from('{"AccessKeyId":"a"}').toString('base64url'), more],
    ] as const
    const kinds: string[] = []
    for (const [token, members] of answers) {
      broker.answerWith(() => granted(token, 900, members))
      const result = await client().exchange({ policy: 'cloud' }, signal)
      kinds.push(result.kind === 'granted' ? result.issued : result.kind)
    }

    expect(kinds).toEqual(['aws-credentials', 'unavailable', 'unavailable', 'unavailable', 'unavailable'])
    expect(decodeAwsCredentials(text)).toEqual(credentials)
  })

  it.each([
    [{}, undefined],
    [{ renewal: 'on_request' }, 'on_request'],
    [{ renewal: 'other' }, undefined],
  ])('hears from %j when a token is renewed', async (members, renewal) => {
    broker.answerWith(() => granted('token-1', 300, members))
    const result = await client().exchange({ policy: 'deploy' }, signal)

    expect(result.kind === 'granted' && result.renewal).toBe(renewal)
  })

  it('asks for a CustomRun with the projected token as the actor', async () => {
    await client().exchange({ customRun }, signal)

    expect(Object.fromEntries(broker.requests[0]?.form ?? [])).toMatchObject({
      subject_token: 'payments/token/11111111-2222-3333-4444-555555555555',
      subject_token_type: 'urn:tokenbroker:params:token-type:customrun',
      actor_token: 'own.token.one',
      actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    })
  })

  it('reads the token file anew for each request', async () => {
    const { exchange } = client()
    await exchange({ policy: 'deploy' }, signal)
    await writeFile(tokenFile, 'own.token.two')
    await exchange({ policy: 'deploy' }, signal)

    expect(broker.requests.map((request) => request.form.get('subject_token'))).toEqual([
      'own.token.one',
      'own.token.two',
    ])
  })

  it('keeps a path of the issuer URL and adds no slash twice', async () => {
    await client(`${broker.url}/tenant/`).exchange({ policy: 'deploy' }, signal)

    expect(broker.requests[0]?.path).toBe('/tenant/token')
  })

  it('authorises at /authorize and reads the authorisation', async () => {
    const body = { authorization_id: 'auth-1', expires_at: '2026-01-01T01:00:00Z', policy: 'deploy', scope: 'b a' }
    broker.answerWith(() => ({ status: 200, body }))

    expect(await client().authorize({ customRun }, signal)).toMatchObject({
      kind: 'authorized',
      authorizationId: 'auth-1',
      expiresAt: new Date('2026-01-01T01:00:00Z'),
      scope: ['a', 'b'],
    })
    expect(broker.requests[0]?.path).toBe('/authorize')
  })

  it.each(['endRun', 'introspect', 'revoke'] as const)(
    'authenticates %s with its own token as Bearer',
    async (call) => {
      broker.answerWith(() => ({ status: 200, body: { active: true, sub: 'x' } }))
      const run = { namespace: 'payments', kind: 'PipelineRun', name: 'release', uid: 'u-1' } as const
      const made = client()
      const result = await (call === 'endRun'
        ? made.endRun(run, signal)
        : made[call](new Secret('the.issued.token'), signal))

      expect(broker.requests[0]).toMatchObject({ authorization: 'Bearer own.token.one' })
      expect(Object.fromEntries(broker.requests[0]?.form ?? [])).toEqual(
        call === 'endRun' ? { run: 'payments/PipelineRun/release/u-1' } : { token: 'the.issued.token' },
      )
      expect(result).toEqual(
        call === 'introspect' ? { kind: 'answered', claims: { active: true, sub: 'x' } } : { kind: 'done' },
      )
    },
  )

  it.each([
    [
      'authorization_pending',
      { interval: 7, expires_in: 600, approval: 'approve-me' },
      { intervalSeconds: 7, approval: 'approve-me', expiresInSeconds: 600 },
    ],
    ['authorization_pending', {}, { intervalSeconds: 5, approval: undefined }],
    ['slow_down', { interval: 7 }, { intervalSeconds: 12 }],
    ['slow_down', {}, { intervalSeconds: 10 }],
    ['authorization_pending', { interval: 100_000 }, { intervalSeconds: 300 }],
  ])('waits for a person on %s %j', async (error, more, expected) => {
    broker.answerWith(() => refused(400, error, more))

    expect(await client().exchange({ policy: 'deploy' }, signal)).toMatchObject({ kind: 'pending', ...expected })
  })

  it.each([
    [400, 'invalid_scope'],
    [400, 'access_denied'],
    [403, 'access_denied'],
    [401, 'invalid_client'],
  ])('takes %i %s as a refusal and asks once', async (status, error) => {
    broker.answerWith(() => refused(status, error))

    expect(await client().exchange({ policy: 'deploy' }, signal)).toEqual({
      kind: 'refused',
      error,
      status,
      description: `Mend ${error}`,
      exchangeId: 'exchange-refused',
    })
    expect(broker.requests).toHaveLength(1)
  })

  it('makes a description harmless before anybody writes it into a file', async () => {
    broker.answerWith(() => refused(400, 'access_denied', { error_description: 'a\r\nX-Evil: "1"\\\u001b[31m' }))

    expect(await client().exchange({}, signal)).toMatchObject({ description: 'a  X-Evil:  1   [31m' })
  })

  it.each([429, 503])('asks twice more on %i, as Retry-After says', async (status) => {
    broker.answerWith((_, count) =>
      count < 3 ? refused(status, 'temporarily_unavailable', {}, { 'retry-after': '1' }) : granted('late', 60),
    )
    const made = client()

    expect(await made.exchange({ policy: 'deploy' }, signal)).toMatchObject({ kind: 'granted' })
    expect(broker.requests).toHaveLength(3)
    expect(made.waits.every((ms) => ms >= 1100 && ms <= 1800)).toBe(true)
  })

  it('gives up after three tries and passes on what the broker said', async () => {
    broker.answerWith(() => refused(503, 'temporarily_unavailable', {}, { 'retry-after': '3' }))

    expect(await client().exchange({ policy: 'deploy' }, signal)).toMatchObject({
      kind: 'unavailable',
      status: 503,
      retryAfterSeconds: 3,
      description: 'Mend temporarily_unavailable',
      exchangeId: 'exchange-refused',
    })
    expect(broker.requests).toHaveLength(3)
  })

  it('does not repeat an exchange whose connection broke, since it may have been granted', async () => {
    broker.answerWith(() => undefined)
    const result = await client().exchange({ policy: 'deploy' }, signal)

    expect(result).toMatchObject({ kind: 'unavailable', status: undefined })
    expect(result.kind === 'unavailable' && result.cause).toBeInstanceOf(Error)
    expect(broker.requests).toHaveLength(1)
  })

  it('is unavailable, after three tries, where nothing listens', async () => {
    const { url } = broker
    await broker.close()
    const made = client(url)

    expect(await made.exchange({ policy: 'deploy' }, signal)).toMatchObject({ kind: 'unavailable', status: undefined })
    expect(made.waits).toHaveLength(2)
    broker = await startFakeBroker()
  })

  it.each([
    ['a page', { status: 200, body: '<html>' }],
    ['a page with an error', { status: 502, body: '<html>' }],
    ['a redirect', { status: 302, body: '', headers: { location: 'https://elsewhere' } }],
    ['no token', granted('', 60)],
    ['a token that would break a header', granted('a\r\nb', 60)],
    ['a token over 16 KiB', granted('a'.repeat(16_385), 60)],
    ['another token type', granted('a', 60, { token_type: 'DPoP' })],
    ['no lifetime', granted('a', 60, { expires_in: undefined })],
    ['a lifetime in the past', granted('a', 0)],
    ['a lifetime of centuries', granted('a', 1e12)],
    ['an answer over 64 KiB', granted('a', 60, { padding: 'x'.repeat(70_000) })],
  ])('believes nothing of %s', async (_, answer) => {
    broker.answerWith(() => answer)

    expect(await client().exchange({ policy: 'deploy' }, signal)).toMatchObject({ kind: 'unavailable' })
    expect(broker.requests).toHaveLength(1)
  })

  it('names the token file when it cannot be used, and sends nothing', async () => {
    await rm(tokenFile)
    const missing = await client().exchange({ policy: 'deploy' }, signal)
    await writeFile(tokenFile, 'not a token')
    const malformed = await client().exchange({ policy: 'deploy' }, signal)
    await writeFile(tokenFile, 'a'.repeat(20_000))
    const large = await client().exchange({ policy: 'deploy' }, signal)

    for (const result of [missing, malformed, large]) {
      expect(result).toMatchObject({ kind: 'unavailable', description: expect.stringContaining(tokenFile) })
    }
    expect(broker.requests).toHaveLength(0)
  })

  it('throws the reason of its signal', async () => {
    const controller = new AbortController()
    broker.answerWith(() => {
      controller.abort(new Error('going away'))
      return granted('late', 60)
    })

    await expect(client().exchange({ policy: 'deploy' }, controller.signal)).rejects.toThrow('going away')
  })

  it('prints no credential, whatever is printed', async () => {
    const result = await client().exchange({ policy: 'deploy' }, signal)
    broker.answerWith(() => undefined)
    const failed = await client().exchange({ policy: 'deploy' }, signal)

    for (const value of [result, failed]) {
      expect(inspect(value, { depth: 9, showHidden: true }) + JSON.stringify(value)).not.toMatch(/token-1|own\.token/)
    }
  })

  it('works on the common HTTP client as well', async () => {
    const http = createHttpClient({ timeoutMs: 5000 })
    const ownToken = createTokenFile(tokenFile)

    expect(
      await createBrokerClient({ url: broker.url, http, ownToken, clock: () => now }).exchange({ policy: 'a' }, signal),
    ).toMatchObject({ kind: 'granted' })
    await http.close()
  })
})

describe('createLeanHttp', () => {
  it.each(['http://broker.example', 'https://user:pass@broker.example', 'ftp://127.0.0.1'])(
    'refuses %s',
    async (url) => {
      expect(await client(url).exchange({ policy: 'deploy' }, signal)).toMatchObject({
        kind: 'unavailable',
        cause: expect.any(TypeError),
      })
    },
  )
})
