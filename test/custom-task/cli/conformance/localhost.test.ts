import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { checks } from '../../../../custom-task/cli/conformance/localhost/checks.ts'
import { startFakeBroker } from '../../../fakes/broker.ts'
import { logLines, startProgram } from '../../sidecar/sidecar-process.ts'
import { commandLine, temporaryDirectory } from '../command-line.ts'

/** Our sidecar as a process of its own. */
async function startSidecar() {
  const directory = await mkdtemp(join(tmpdir(), 'conformance-'))
  const step = join(directory, 'step')
  await mkdir(step)
  await writeFile(join(directory, 'token'), 'own.projected.token')
  const broker = await startFakeBroker()
  const listen = '127.0.0.1:0'
  const program = startProgram('main.ts', [
    '--config-json',
    JSON.stringify({
      broker: { url: broker.url, tokenFile: join(directory, 'token') },
      listen,
      health: listen,
      steps: [{ directory: step, policies: ['deploy', 'api=push'] }],
    }),
  ])
  const stop = async (): Promise<void> => {
    program.child.kill('SIGKILL')
    await program.exit
    await broker.close()
    await rm(directory, { recursive: true, force: true })
  }
  const said = (msg: string) => logLines(program).filter((line) => line['msg'] === msg)
  await vi.waitFor(() => expect(said('token delivered'), program.output()).toHaveLength(2), 10_000)
  return { step, stop, url: String(said('sidecar started')[0]?.['url']) }
}

const grant = JSON.stringify({ access_token: 'a', token_type: 'Bearer', expires_in: 300 })

/** Whoever asks for anything gets a token, on every address. */
function yes(socket: Socket): void {
  socket.on('error', () => undefined)
  socket.once('data', () => {
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\n`
    socket.end(`${head}content-length: ${grant.length}\r\n\r\n${grant}`)
  })
}

/** Nobody gets an answer. */
function no(socket: Socket): void {
  socket.on('error', () => undefined)
  socket.destroy()
}

async function serve(behave: (socket: Socket) => void, address: string | number, host?: string): Promise<Server> {
  const server = createServer(behave)
  await new Promise<void>((resolve) => {
    if (typeof address === 'string') server.listen(address, resolve)
    else server.listen(address, host, resolve)
  })
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  return server
}

async function failing(args: readonly string[]): Promise<ReadonlySet<number>> {
  const { out } = await commandLine(['conformance', 'localhost', ...args])
  return new Set([...out.matchAll(/^not ok (\d+)/gm)].map(([, number]) => Number(number) - 1))
}

/** A step's directory with a good key, and files that break every clause about them. */
async function brokenDirectory(): Promise<string> {
  const directory = await temporaryDirectory()
  const step = join(directory, 'step')
  await mkdir(join(step, 'deploy'), { recursive: true })
  await writeFile(join(step, 'key'), 'short')
  for (const file of ['token', 'header', 'expires-at']) await writeFile(join(step, 'deploy', file), 'no token\n')
  await chmod(join(step, 'deploy', 'token'), 0o666)
  await symlink(step, join(directory, 'link'))
  return join(directory, 'link')
}

describe('our sidecar, over real sockets, by clause of the localhost contract', () => {
  let lines: readonly string[]
  let result: { readonly code: number; readonly notes: string }
  let stop: () => Promise<void>

  beforeAll(async () => {
    const sidecar = await startSidecar()
    stop = sidecar.stop
    const { out, ...rest } = await commandLine([
      'conformance',
      'localhost',
      ...['--url', sidecar.url, '--directory', sidecar.step],
    ])
    lines = out.split('\n')
    result = rest
  }, 60_000)
  afterAll(() => stop())

  it.each(checks.map(({ clause, title }, at) => [clause, title, at + 1] as const))('%s %s', (clause, title, number) => {
    const line = `${number} - ${clause} ${title}`
    const at = lines.findIndex((one) => one.endsWith(line))

    expect([lines[at], lines[at + 2]].join('\n')).toMatch(/^ok /)
  })

  it('prints TAP, and exits 0', () => {
    expect(lines.slice(0, 2)).toEqual(['TAP version 14', `1..${checks.length}`])
    expect(result).toEqual({ code: 0, notes: '' })
  })
})

describe('tokenbroker conformance localhost', () => {
  it('finds every refusal missing where everybody gets a token', async () => {
    const directory = await brokenDirectory()
    const server = await serve(yes, 0, '0.0.0.0')
    await serve(yes, join(directory, 'sidecar.sock'))
    const { port } = server.address() as { readonly port: number }

    const failed = await failing(['--url', `http://0.0.0.0:${port}`, '--directory', directory])

    const refusals = checks.filter(({ title }) => title.startsWith('refuses'))
    expect(refusals.filter((check) => !failed.has(checks.indexOf(check))).map(({ title }) => title)).toEqual([])
    const files = checks.filter(({ clause }) => /^(?:1\.|2\.1)/.test(clause))
    expect(files.filter((check) => !failed.has(checks.indexOf(check))).map(({ title }) => title)).toEqual([])
  })

  it('has no check that cannot fail', async () => {
    const directory = await brokenDirectory()
    const servers = await Promise.all([serve(yes, 0, '0.0.0.0'), serve(no, 0, '127.0.0.1')])
    const [open, shut] = servers.map((server) => server.address() as { readonly port: number })

    const failed = new Set([
      ...(await failing(['--url', `http://0.0.0.0:${open?.port}`, '--directory', directory])),
      ...(await failing(['--url', `http://127.0.0.1:${shut?.port}`, '--directory', directory])),
    ])

    expect(checks.filter((_, at) => !failed.has(at)).map(({ clause, title }) => `${clause} ${title}`)).toEqual([])
  })

  it.each([
    [['--url', 'https://127.0.0.1:1'], 2, /--url takes an address/],
    [['here'], 2, /takes no operands/],
    [['--directory', '/nowhere/at/all'], 1, /is not there: name the directory of one step/],
  ])('refuses %j', async (args, code, notes) => {
    expect(await commandLine(['conformance', 'localhost', ...args])).toMatchObject({
      code,
      notes: expect.stringMatching(notes),
    })
  })
})
