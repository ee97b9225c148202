import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FakeBroker, granted, refused, startFakeBroker } from '../../fakes/broker.ts'
import { logLines, type Program, startProgram } from './sidecar-process.ts'

let root: string
let broker: FakeBroker
let programs: Program[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sidecar-'))
  await chmod(root, 0o755)
  for (const step of ['one', 'two']) {
    await mkdir(join(root, step))
    await chmod(join(root, step), 0o777)
  }
  await writeFile(join(root, 'token'), 'own.projected.token')
  broker = await startFakeBroker()
  programs = []
})

afterEach(async () => {
  for (const { child, exit } of programs) {
    child.kill('SIGKILL')
    await exit
  }
  await broker.close()
  await rm(root, { recursive: true, force: true })
})

interface Started extends Program {
  readonly url: string
  readonly health: string
}

const oneStep = () => [{ directory: join(root, 'one'), policies: ['deploy'] as unknown[] }]

function config(steps: unknown = oneStep(), url = broker.url, more: object = {}): string {
  const listen = '127.0.0.1:0'
  return JSON.stringify({ broker: { url, tokenFile: join(root, 'token') }, listen, health: listen, steps, ...more })
}

async function start(text: string, options: { uid?: number } = {}): Promise<Started> {
  const program = startProgram('main.ts', ['--config-json', text], options)
  programs.push(program)
  const said = () => logLines(program).find((line) => line['msg'] === 'sidecar started')
  await expect.poll(said, { timeout: 10_000, message: program.output() }).toBeDefined()
  const { url, health_url: health } = said() ?? {}
  return { ...program, url: String(url), health: String(health) }
}

async function readiness(sidecar: Started): Promise<number> {
  return (await fetch(`${sidecar.health}/readyz`)).status
}

async function ready(sidecar: Started): Promise<void> {
  await expect.poll(() => readiness(sidecar), { timeout: 10_000 }).toBe(200)
}

function read(path: string): Promise<string> {
  return readFile(join(root, path), 'utf8')
}

async function ask(sidecar: Started, policy: string, key: string) {
  const authorization = `Basic ${Buffer.from(`${policy}:${key}`).toString('base64')}`
  const body = new URLSearchParams({ grant_type: 'client_credentials' })
  // Not fetch: it is a browser's client and says so in Sec-Fetch-Mode, which is refused.
  return await post(new URL(`${sidecar.url}/token`), undefined, authorization, body.toString())
}

function post(url: URL, socketPath: string | undefined, authorization: string, body: string) {
  return new Promise<{ readonly status: number | undefined; readonly text: string }>((resolve, reject) => {
    const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
    const request = httpRequest(
      url,
      { method: 'POST', headers, agent: false, ...(socketPath ? { socketPath } : {}) },
      (answer) => {
        let text = ''
        answer.on('data', (data) => {
          text += data
        })
        answer.on('end', () => resolve({ status: answer.statusCode, text }))
      },
    )
    request.on('error', reject).end(body)
  })
}

async function gate(
  sidecar: Started,
  timeout = '20s',
  ...more: readonly string[]
): Promise<{ readonly code: number | null; readonly output: string }> {
  const program = startProgram('gate.ts', ['--url', `${sidecar.health}/readyz`, '--timeout', timeout, ...more])
  programs.push(program)
  return { code: await program.exit, output: program.output() }
}

describe('sidecar', () => {
  it('brings tokens as files and over HTTP, and takes everything away at SIGTERM', async () => {
    const sidecar = await start(config([{ directory: join(root, 'one'), policies: ['deploy', 'api=push'] }]))
    await ready(sidecar)

    expect(await read('one/deploy/header')).toBe(`Authorization: Bearer ${await read('one/deploy/token')}`)
    expect(Date.parse(await read('one/api/expires-at'))).toBeGreaterThan(Date.now())
    const key = await read('one/key')
    for (const policy of ['deploy', 'api', 'push'])
      expect(await ask(sidecar, policy, key)).toMatchObject({ status: 200 })
    expect(broker.requests.map(({ form }) => form.get('policy')).sort()).toEqual(['deploy', 'push'])
    expect(broker.requests[0]?.form.get('subject_token')).toBe('own.projected.token')

    sidecar.child.kill('SIGTERM')
    expect(await sidecar.exit).toBe(0)
    expect(await readdir(join(root, 'one'))).toEqual([])
    expect(sidecar.output()).not.toMatch(/own\.projected\.token|token-\d/)
    expect(sidecar.output()).not.toContain(key)
  })

  it('writes files for tools beside the token, and replaces them with it', async () => {
    broker.answerWith((_, count) => granted(`token-${count}`, count === 1 ? 2 : 300))
    const as = ['git', 'docker', 'netrc', 'kubeconfig']
    const policies = [{ policy: 'deploy', alias: 'api', audience: 'https://code.example.com', as }]
    const sidecar = await start(config([{ directory: join(root, 'one'), mountPath: '/mnt', policies }]))
    const contents = async () =>
      Promise.all(['git-credentials', 'config.json', 'netrc', 'kubeconfig'].map((name) => read(`one/api/${name}`)))

    await ready(sidecar)
    await expect.poll(() => read('one/api/token'), { timeout: 10_000 }).toBe('token-2')
    const [git, dockerConfig, netrc, kubeconfig] = await contents()
    expect(git).toBe('https://oauth2:token-2@code.example.com\n')
    expect(JSON.parse(dockerConfig ?? '')).toEqual({ auths: { 'code.example.com': { auth: expect.any(String) } } })
    expect(netrc).toBe('machine code.example.com\nlogin oauth2\npassword token-2\n')
    expect(kubeconfig).toContain('"/mnt/api/token"')
    expect((await stat(join(root, 'one/api/git-credentials'))).mode & 0o777).toBe(0o444)
    expect(broker.requests[0]?.form.get('audience')).toBe('https://code.example.com')

    broker.answerWith(() => refused(400, 'access_denied'))
    sidecar.child.kill('SIGTERM')
    await sidecar.exit
    expect(await readdir(join(root, 'one'))).toEqual([])
  })

  it('says where a form cannot hold the token that came', async () => {
    broker.answerWith(() => granted('a'.repeat(5000), 300))
    const policies = [{ policy: 'deploy', audience: 'https://code.example.com', as: ['netrc'] }]
    const sidecar = await start(config([{ directory: join(root, 'one'), policies }]))

    expect(await gate(sidecar)).toMatchObject({ code: 1, output: expect.stringContaining('over 4000 bytes') })
    expect(await read('one/deploy/error')).toContain('use another form')
    expect(await readdir(join(root, 'one/deploy'))).not.toContain('token')
  })

  it('says in the end which token it could not get', async () => {
    broker.answerWith(() => refused(400, 'access_denied'))
    const sidecar = await start(config(oneStep(), broker.url, { messageFile: join(root, 'last-words') }))
    await expect.poll(() => read('one/deploy/error').catch(() => '')).toContain('Mend')
    sidecar.child.kill('SIGTERM')

    expect(await sidecar.exit).toBe(0)
    expect(await read('last-words')).toBe(
      'tokenbroker: deploy is refused: Mend access_denied (exchange exchange-refused)\n',
    )
  })

  it('ends at SIGTERM whatever is under way', async () => {
    const never = Promise.withResolvers<undefined>()
    broker.answerWith(() => never.promise)
    const sidecar = await start(config())
    await expect.poll(() => broker.requests.length).toBe(1)
    const waiting = ask(sidecar, 'deploy', await read('one/key')).then(
      ({ status }) => status,
      () => 'broken',
    )
    sidecar.child.kill('SIGTERM')

    expect(await sidecar.exit).toBe(0)
    // Told that there will be no token, where there is still time to say so.
    expect(['broken', 503]).toContain(await waiting)
    never.resolve(undefined)
  })

  it('ends at SIGTERM though nobody reads its log any more', async () => {
    const sidecar = await start(config())
    await ready(sidecar)
    for (const stream of [sidecar.child.stdout, sidecar.child.stderr]) stream?.destroy()

    sidecar.child.kill('SIGTERM')

    expect(await sidecar.exit).toBe(0)
    expect(await readdir(join(root, 'one'))).toEqual([])
  })

  it('makes new keys at each start', async () => {
    const first = await start(config())
    await ready(first)
    const key = await read('one/key')
    first.child.kill('SIGKILL')
    await first.exit
    const second = await start(config())
    await ready(second)

    expect(await read('one/key')).not.toBe(key)
    expect(await ask(second, 'deploy', key)).toMatchObject({ status: 401 })
    expect(await ask(second, 'deploy', await read('one/key'))).toMatchObject({ status: 200 })
  })

  it('gives each step a key and a socket for its own policies alone', async () => {
    const steps = [
      { directory: join(root, 'one'), policies: ['deploy'] },
      { directory: join(root, 'two'), policies: ['deploy', 'push'] },
    ]
    const sidecar = await start(config(steps))
    await ready(sidecar)
    const [one, two] = [await read('one/key'), await read('two/key')]

    expect(one).not.toBe(two)
    expect(await ask(sidecar, 'push', one)).toMatchObject({ status: 401 })
    expect(await ask(sidecar, 'push', two)).toMatchObject({ status: 200 })
    expect(await read('one/deploy/token')).toBe(await read('two/deploy/token'))
    expect(broker.requests).toHaveLength(2)

    const socket = join(root, 'one/sidecar.sock')
    expect((await stat(socket)).mode & 0o777).toBe(0o666)
    const authorization = `Basic ${Buffer.from(`deploy:${one}`).toString('base64')}`
    const form = 'grant_type=client_credentials'
    expect(await post(new URL('http://localhost/token'), socket, authorization, form)).toMatchObject({ status: 200 })
  })

  it('waits for a broker that is down, and is ready when it comes', async () => {
    broker.answerWith(() => undefined)
    const sidecar = await start(config())
    await expect.poll(() => read('one/deploy/error').catch(() => '')).toContain('The broker cannot be reached')
    expect(await readiness(sidecar)).toBe(503)
    expect((await fetch(`${sidecar.health}/livez`)).status).toBe(200)

    broker.answerWith(() => granted('at-last', 300))
    await ready(sidecar)
    expect(await read('one/deploy/token')).toBe('at-last')
    expect(await readdir(join(root, 'one/deploy'))).not.toContain('error')
    expect(await gate(sidecar)).toEqual({ code: 0, output: '' })
  })

  it('says a refusal in the file, at /readyz, in the log and at the gate', async () => {
    broker.answerWith(() => refused(400, 'access_denied'))
    const sidecar = await start(config())
    const { code, output } = await gate(sidecar, '20s', '--message-file', join(root, 'termination-log'))

    expect(code).toBe(1)
    expect(output).toBe('tokenbroker: deploy is refused: Mend access_denied (exchange exchange-refused)\n')
    expect(await read('termination-log')).toBe(output)
    expect(await read('one/deploy/error')).toBe('Mend access_denied (exchange exchange-refused)\n')
    expect(logLines(sidecar)).toContainEqual(
      expect.objectContaining({ level: 'warn', outcome: 'refused', exchange_id: 'exchange-refused', policy: 'deploy' }),
    )
  })

  it('lets the steps start without a token that is optional', async () => {
    broker.answerWith(() => refused(400, 'access_denied'))
    const sidecar = await start(
      config([{ directory: join(root, 'one'), policies: [{ policy: 'deploy', optional: true }] }]),
    )

    expect(await gate(sidecar)).toMatchObject({ code: 0 })
    expect(await read('one/deploy/error')).toContain('Mend access_denied')
  })

  it('has the gate give up after its time', async () => {
    broker.answerWith(() => refused(400, 'authorization_pending', { interval: 30 }))
    const sidecar = await start(config())
    await expect.poll(() => read('one/deploy/error').catch(() => '')).toContain('Mend authorization_pending')
    const { code, output } = await gate(sidecar, '1s')

    expect(code).toBe(1)
    expect(output).toContain('deploy is pending: Mend authorization_pending')
    expect(output).toContain('no token after 1 s')
    expect(await gate(sidecar, '1s', '--optional')).toEqual({ code: 0, output })
  })

  it('makes the directories of steps in a volume that it mounts whole, and finds them again', async () => {
    const steps = ['step-a', 'step-b'].map((name) => ({ directory: join(root, name), policies: ['deploy'] }))
    for (const _start of ['first', 'second']) {
      const sidecar = await start(config(steps, broker.url, { volume: root }))
      await ready(sidecar)
      expect(await read('step-a/deploy/token')).toBe(await read('step-b/deploy/token'))
      expect(await read('step-a/key')).not.toBe(await read('step-b/key'))
      expect((await stat(join(root, 'step-b'))).mode & 0o777).toBe(0o755)

      sidecar.child.kill('SIGTERM')
      expect(await sidecar.exit).toBe(0)
      expect(await readdir(join(root, 'step-a'))).toEqual([])
    }
  })

  it.each([
    ['deeper than one level', 'a/b/step', '.', 'a/b/step is missing: mount an emptyDir with medium Memory there'],
    ['in no volume', 'none/step', 'none', 'none cannot be used: mount an emptyDir with medium Memory there, writable'],
  ])('makes no directory %s', async (_, directory, volume, sentence) => {
    const steps = [{ directory: join(root, directory), policies: ['deploy'] }]
    const program = startProgram('main.ts', [
      '--config-json',
      config(steps, broker.url, { volume: join(root, volume) }),
    ])
    programs.push(program)

    expect(await program.exit).toBe(1)
    expect(program.output()).toBe(`${root}/${sentence}\n`)
  })

  it.runIf(process.getuid?.() === 0)('needs no privileges', async () => {
    const sidecar = await start(config(), { uid: 65_532 })
    await ready(sidecar)
    expect((await stat(join(root, 'one/key'))).uid).toBe(65_532)

    sidecar.child.kill('SIGTERM')
    expect(await sidecar.exit).toBe(0)
    expect(await readdir(join(root, 'one'))).toEqual([])
  })
})

describe('start of the sidecar', () => {
  async function ended(...args: string[]): Promise<readonly [number | null, string]> {
    const program = startProgram('main.ts', args)
    programs.push(program)
    return [await program.exit, program.output()]
  }

  async function output(...args: string[]): Promise<string> {
    const [code, text] = await ended(...args)
    expect(code).toBe(1)
    return text
  }

  it('reads YAML from a file', async () => {
    const file = join(root, 'sidecar.yaml')
    await writeFile(
      file,
      'broker: {url: https://broker.example}\nsteps:\n- {directory: /nowhere, policies: [deploy]}\n',
    )

    expect(await output('--config', file)).toBe('/nowhere is missing: mount an emptyDir with medium Memory there\n')
  })

  it('prints every problem of the configuration', async () => {
    const text = await output('--config-json', '{"broker": {"url": "http://broker"}, "stepz": []}')

    for (const key of ['broker.url', 'steps', 'stepz']) expect(text).toContain(`  ${key}: expected `)
  })

  it.each([
    ['no arguments', []],
    ['both', ['--config', '/a', '--config-json', '{}']],
    ['unknown ones', ['--conf', '/a']],
    ['an operand', ['sidecar.yaml']],
  ])('says what the arguments are for %s', async (_, args) => {
    expect(await ended(...args)).toEqual([
      2,
      expect.stringMatching(
        /^One of --config and --config-json, and nothing beside it\n\nUsage: sidecar --config FILE/,
      ),
    ])
  })

  it.each(['--help', '-h'])('explains itself with %s', async (flag) => {
    expect(await ended(flag)).toEqual([0, expect.stringMatching(/^Usage: sidecar --config FILE/)])
  })

  it.each([
    ['a file that is not there', ['--config', '/nowhere/sidecar.yaml']],
    ['text that is no YAML', ['--config-json', 'a: [']],
  ])('says what it takes in the place of %s', async (_, args) => {
    expect(await output(...args)).toMatch(
      /^The configuration of the sidecar cannot be used:\n {2}[^\n]*; example: [^\n]+\n$/,
    )
  })

  it('names the address that is taken', async () => {
    const { port } = new URL(broker.url)
    const text = config().replace('127.0.0.1:0', `127.0.0.1:${port}`)

    expect(await output('--config-json', text)).toBe(`The sidecar cannot start: EADDRINUSE at 127.0.0.1:${port}\n`)
    expect(await readdir(join(root, 'one'))).toEqual([])
  })
})

describe('start of the gate', () => {
  it.each([
    [['--help'], 0, /^Usage: gate /],
    [['-h'], 0, /^Usage: gate /],
    [['--tiemout', '5s'], 2, /^--url takes http on loopback, [^\n]+\n\nUsage: gate /],
    [['--timeout', 'soon'], 2, /^--url takes http on loopback, [^\n]+\n\nUsage: gate /],
    [['--url', 'https://example.com'], 2, /^--url takes http on loopback, [^\n]+\n\nUsage: gate /],
  ])('explains itself with %j', async (args, code, text) => {
    const program = startProgram('gate.ts', args)
    programs.push(program)

    expect(await program.exit).toBe(code)
    expect(program.output()).toMatch(text)
  })
})
