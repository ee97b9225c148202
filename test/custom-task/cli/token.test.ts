import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { granted, refused, startFakeBroker } from '../../fakes/broker.ts'
import { logLines, startProgram } from '../sidecar/sidecar-process.ts'
import { commandLine, runProcess, temporaryDirectory } from './command-line.ts'

interface Step {
  /** The variables that a step has. */
  readonly env: Readonly<Record<string, string>>
  /** Requests that were taken, as text. */
  readonly requests: readonly string[]
}

const good = { access_token: 'opaque-token', token_type: 'Bearer', expires_in: 300, scope: 'a b', exchange_id: 'e1' }

/** A step with something on localhost that answers every request alike. */
async function stepWith(status: number, body: unknown, answers = true): Promise<Step> {
  const requests: string[] = []
  const server = createServer(async (request: IncomingMessage, response) => {
    requests.push(`${request.method} ${request.url} ${await text(request)}`)
    if (!answers) response.destroy()
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { env: await environment(`http://127.0.0.1:${port}`), requests }
}

async function environment(url: string): Promise<Readonly<Record<string, string>>> {
  const directory = await temporaryDirectory()
  await writeFile(join(directory, 'key'), 'local-key\n')
  return { TOKENBROKER_DIR: directory, TOKENBROKER_URL: url }
}

describe('token', () => {
  it('prints the token alone, or as a header', async () => {
    const { env, requests } = await stepWith(200, good)

    expect(await commandLine(['token', 'deploy'], { env })).toEqual({ code: 0, out: 'opaque-token\n', notes: '' })
    expect(await commandLine(['token', 'deploy', '-o', 'header'], { env })).toEqual({
      code: 0,
      out: 'Authorization: Bearer opaque-token\n',
      notes: '',
    })
    expect(requests[0]).toBe('POST /token grant_type=client_credentials&client_id=deploy&client_secret=local-key')
  })

  it('prints JSON that tells everything but the token', async () => {
    const { env } = await stepWith(200, good)

    const { code, out } = await commandLine(['token', 'deploy', '-o', 'json'], { env, isTerminal: true })

    expect([code, JSON.parse(out)]).toEqual([0, { policy: 'deploy', expires_in: 300, scope: 'a b', exchange_id: 'e1' }])
  })

  it('asks for what the options say', async () => {
    const { env, requests } = await stepWith(200, good)
    const options = ['--scope', 'a b', '--audience', 'https://a.example.com', '--min-ttl', '60']

    await commandLine(['token', 'deploy', ...options], {
      env: { ...env, TOKENBROKER_URL: `${env['TOKENBROKER_URL']}/` },
    })

    expect(requests[0]).toMatch(/^POST \/token /)
    expect(Object.fromEntries(new URLSearchParams(requests[0]?.split(' ')[2]))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'deploy',
      client_secret: 'local-key',
      scope: 'a b',
      audience: 'https://a.example.com',
      min_ttl: '60',
    })
  })

  it.each([['token'], ['header']])('prints no %s to a terminal that did not ask for it', async (format) => {
    const { env, requests } = await stepWith(200, good)

    const refusal = await commandLine(['token', 'deploy', '-o', format], { env, isTerminal: true })
    const revealed = await commandLine(['token', 'deploy', '-o', format, '--reveal'], { env, isTerminal: true })

    expect(refusal).toMatchObject({ code: 2, out: '' })
    expect(refusal.notes).toContain('use -o json, a pipe, or --reveal')
    expect(revealed.out).toContain('opaque-token')
    expect(requests).toHaveLength(1)
  })

  it.each<[number, object, number, string]>([
    [
      400,
      { error: 'invalid_scope', error_description: 'Not at the provider' },
      3,
      'invalid_scope: Not at the provider',
    ],
    [400, { error: 'invalid_request', error_description: 'Malformed' }, 1, 'invalid_request: Malformed'],
    [401, { error: 'invalid_client', error_description: 'No such policy' }, 3, 'invalid_client: No such policy'],
    [
      403,
      { error: 'access_denied', exchange_id: 'e9' },
      3,
      'access_denied: the sidecar does not say why (exchange e9)',
    ],
    [
      409,
      { error: 'authorization_pending', error_description: 'A person decides', approval: 'a1', exchange_id: 'e9' },
      4,
      'authorization_pending: A person decides (approval a1, exchange e9)',
    ],
    [429, { error: 'temporarily_unavailable', error_description: 'Slower' }, 5, 'temporarily_unavailable: Slower'],
    [503, { error: 'temporarily_unavailable', error_description: 'Down' }, 5, 'temporarily_unavailable: Down'],
    [500, { error: 'server_error', error_description: 'Bug' }, 1, 'server_error: Bug'],
    [403, { error: 'access_denied', error_description: '\u001b[2J\nyes' }, 3, 'access_denied: ?[2J?yes'],
  ])('tells a refusal with %i by code and text: %j', async (status, body, code, message) => {
    const { env } = await stepWith(status, body)

    expect(await commandLine(['token', 'deploy'], { env })).toEqual({ code, out: '', notes: `${message}\n` })
  })

  it.each<[string, number, unknown]>([
    ['text', 200, 'hello'],
    ['a page that is not there', 404, '<html>'],
    ['a token that would break a header', 200, { ...good, access_token: 'a\r\nX-Admin: 1' }],
    ['no token', 200, { expires_in: 1 }],
    ['an error with 200', 200, { error: 'access_denied' }],
    ['an empty answer', 500, ''],
  ])('does not take %s for the sidecar', async (_what, status, body) => {
    const { env } = await stepWith(status, body)

    expect(await commandLine(['token', 'deploy', '-o', 'header'], { env })).toEqual({
      code: 1,
      out: '',
      notes: `What answers at ${env['TOKENBROKER_URL']} is not the token sidecar (HTTP ${status}): look at TOKENBROKER_URL.\n`,
    })
  })

  it('ends with 5 where no sidecar answers', async () => {
    const { env } = await stepWith(200, good, false)
    const nobody = { ...env, TOKENBROKER_URL: 'http://127.0.0.1:1' }

    for (const one of [env, nobody]) {
      expect(await commandLine(['token', 'deploy'], { env: one })).toEqual({
        code: 5,
        out: '',
        notes: `The sidecar does not answer at ${one['TOKENBROKER_URL']}: this runs in a step with the token sidecar.\n`,
      })
    }
  })

  it('ends with 5 where there is no key', async () => {
    const directory = await temporaryDirectory()

    expect(await commandLine(['token', 'deploy'], { env: { TOKENBROKER_DIR: directory } })).toEqual({
      code: 5,
      out: '',
      notes: `${directory}/key cannot be read: this runs in a step with the token sidecar.\n`,
    })
  })

  it.each([
    ['http://broker.example.com', 'The address must be https (plain http is for loopback only)'],
    ['sidecar', 'The address must be a URL without a user'],
  ])('does not send the key to %s', async (url, why) => {
    expect(await commandLine(['token', 'deploy'], { env: await environment(url) })).toEqual({
      code: 1,
      out: '',
      notes: `TOKENBROKER_URL is not usable: ${why}.\n`,
    })
  })
})

describe('token, with the real sidecar', () => {
  it('gets what the broker grants, and says what it refuses', async () => {
    const directory = await temporaryDirectory()
    const broker = await startFakeBroker()
    onTestFinished(() => broker.close())
    broker.answerWith(({ form }) => {
      if (form.get('policy') === 'deploy') return granted('opaque-token', 300)
      if (form.get('policy') === 'approve')
        return refused(400, 'authorization_pending', { interval: 30, approval: 'a1' })
      return refused(400, 'invalid_scope')
    })
    const step = join(directory, 'step')
    await mkdir(step)
    await writeFile(join(directory, 'projected'), 'own.projected.token')
    const config = {
      broker: { url: broker.url, tokenFile: join(directory, 'projected') },
      listen: '127.0.0.1:0',
      health: '127.0.0.1:0',
      steps: [
        { directory: step, policies: ['deploy', 'approve', 'push'].map((policy) => ({ policy, optional: true })) },
      ],
    }
    const sidecar = startProgram('main.ts', ['--config-json', JSON.stringify(config)])
    onTestFinished(() => void sidecar.child.kill('SIGKILL'))
    const url = () => logLines(sidecar).find(({ msg }) => msg === 'sidecar started')?.['url']
    await expect.poll(url, { timeout: 10_000, message: sidecar.output() }).toBeDefined()
    const env = { TOKENBROKER_DIR: step, TOKENBROKER_URL: String(url()) }

    // One of them as a process: its output is a pipe.
    expect(await runProcess(['token', 'deploy', '-o', 'header'], env)).toEqual({
      code: 0,
      out: 'Authorization: Bearer opaque-token\n',
      notes: '',
    })
    const json = await commandLine(['token', 'deploy', '-o', 'json'], { env })
    expect([json.code, JSON.parse(json.out)]).toEqual([0, expect.objectContaining({ scope: 'deploy:staging' })])
    expect(await commandLine(['token', 'approve'], { env })).toEqual({
      code: 4,
      out: '',
      notes: 'authorization_pending: Mend authorization_pending (approval a1, exchange exchange-refused)\n',
    })
    expect(await commandLine(['token', 'push'], { env })).toMatchObject({
      code: 3,
      notes: 'invalid_scope: Mend invalid_scope (exchange exchange-refused)\n',
    })
    expect(await commandLine(['token', 'other'], { env })).toMatchObject({ code: 3, out: '' })
    broker.answerWith(() => undefined)
    expect(await commandLine(['token', 'deploy', '--scope', 'deploy:all'], { env })).toMatchObject({ code: 5, out: '' })
  })
})
