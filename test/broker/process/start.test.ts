import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { verifyDirectory } from '../audit/journal-fixture.ts'
import { spawnBroker } from './broker-process.ts'
import { createSite, running } from './site.ts'

async function file(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tokenbroker-process-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const path = join(directory, 'broker.yaml')
  await writeFile(path, text)
  return path
}

const free = { address: '127.0.0.1', port: 0 }

function tls(certFile: string, keyFile = '/nowhere/tls.key') {
  return { ...free, tls: { certFile, keyFile } }
}

describe('start of the broker', { timeout: 30_000 }, () => {
  it('prints every problem of the configuration at once, with a file that works and no value of this one', async () => {
    const path = await file(
      [
        'issuer: ghs_secret0123456789',
        'listeners: {token: {address: 0.0.0.0, port: 8443}, discovery: {address: here, port: 70000}}',
        'clusters: [{name: ghs_SECRET, issuer: x, kubeconfg: ghs_secret0123456789}]',
        'audit: {durability: ghs_secret0123456789}',
        'limits: {burstPerPod: 0}',
        'ghs: 1',
      ].join('\n'),
    )

    const broker = spawnBroker(['--config', path])

    expect(await broker.exited).toBe(2)
    const [problems = '', example = ''] = broker.output().split('A file that works:\n')
    expect(problems.split('\n').map((line) => line.split(': ')[0])).toEqual([
      `${path} cannot be used:`,
      '  issuer',
      '  listeners.token.tls',
      '  listeners.discovery.address',
      '  listeners.discovery.port',
      '  listeners.metrics',
      '  clusters.0.name',
      '  clusters.0.kubeconfg',
      '  keys',
      '  audit.directory',
      '  audit.durability',
      '  limits.burstPerPod',
      '  ghs',
      '',
    ])
    expect(problems).toContain('  listeners.discovery.address: expected an IPv4 or IPv6 address\n')
    expect(problems).toContain('  keys: missing, expected an object\n')
    expect(broker.output()).not.toMatch(/secret/i)
    expect(example).toContain('issuer: https://tokenbroker.example.com\n')
  })

  it.each([
    ['--help', 0],
    ['--cnfig', 2],
  ])('explains itself with %s', async (argument, code) => {
    const broker = spawnBroker([argument])

    expect(await broker.exited).toBe(code)
    expect(broker.output()).toContain('Usage: node broker/main.ts --config FILE')
  })

  it('refuses an environment that undoes what it relies on, before it reads anything', async () => {
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_DEBUG: 'hunter2' }
    const broker = spawnBroker(['--config', '/nowhere.yaml'], { env, execArgv: ['--insecure-http-parser'] })

    expect(await broker.exited).toBe(2)
    expect(broker.output()).toContain('The broker does not start in this environment:\n')
    expect(broker.output()).toContain('  NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate checks off')
    expect(broker.output()).toContain('  NODE_DEBUG prints requests')
    expect(broker.output()).toContain('  An option of node')
    expect(broker.output()).not.toMatch(/hunter2|nowhere/)
  })

  it('says why it cannot start, and what to do: one broker for a journal, an address that is taken, a bad kubeconfig', async () => {
    const site = await createSite()
    const first = await site.startReady()
    const taken = { address: '127.0.0.1', port: Number(new URL(first.urls.token).port) }
    const apart = { keys: { directory: join(site.directory, 'k2') }, audit: { directory: join(site.directory, 'a2') } }

    const [second, third, fourth] = await Promise.all([
      site.start(),
      site.start({ ...apart, listeners: { token: taken, discovery: free, metrics: free } }),
      site.start({
        keys: { directory: join(site.directory, 'k3') },
        audit: { directory: join(site.directory, 'a3') },
        clusters: [{ name: 'main', issuer: 'x', kubeconfig: join(site.directory, 'nowhere.json') }],
      }),
    ])

    const failures = []
    for (const broker of [second, third, fourth]) {
      expect(await broker.exited).toBe(1)
      const [last] = broker.log().slice(-1)
      expect(last).toMatchObject({ level: 'fatal', msg: 'broker cannot start' })
      failures.push(last?.err?.message)
    }
    expect(failures).toEqual([
      expect.stringContaining(`in use by process ${first.pid} on `),
      expect.stringContaining('EADDRINUSE'),
      expect.stringContaining('nowhere.json cannot be read: ENOENT'),
    ])
    expect(failures[0]).toContain(`remove ${site.journal}/journal.lock when it is certain`)
    expect(await first.readiness()).toEqual([200, 'ok\n'])
  })

  it('takes the issuer that the API server publishes where the configuration names none', async () => {
    const site = await createSite()
    const kubeconfig = join(site.directory, 'kubeconfig.json')
    const broker = await site.startReady({ clusters: [{ name: 'main', kubeconfig }] })

    expect(await broker.exchange(site.createRun().token)).toMatchObject({ status: 200 })
  })

  it.each<[string, object, string]>([
    [
      'a journal directory that is a file',
      { audit: { directory: '/dev/null' } },
      'audit.directory cannot be used (EEXIST): mount a volume that uid 65532 may write',
    ],
    [
      'a journal directory below a file',
      { audit: { directory: '/dev/null/audit' } },
      'audit.directory cannot be used (ENOTDIR): mount a volume that uid 65532 may write',
    ],
    ['a directory of keys below a file', { keys: { directory: '/dev/null/keys' } }, 'keys.directory: '],
    [
      'certificates that are not there',
      { listeners: { token: tls('/nowhere/tls.crt'), discovery: free, metrics: free } },
      'listeners.token: tls.certFile /nowhere/tls.crt and tls.keyFile /nowhere/tls.key cannot be used (ENOENT)',
    ],
    [
      'certificates that are none',
      { listeners: { token: free, discovery: free, metrics: tls('/dev/null', '/dev/null') } },
      'listeners.metrics: tls.certFile /dev/null and tls.keyFile /dev/null cannot be used (no PEM files that fit together)',
    ],
    [
      'no cluster around it',
      { clusters: [{ name: 'main', issuer: 'x' }] },
      'Not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; name a kubeconfig in clusters.0.kubeconfig',
    ],
  ])('names the key and what to change, without a stack: %s', async (_what, changes, message) => {
    const site = await createSite()

    const broker = await site.start(changes)

    expect(await broker.exited).toBe(1)
    const [last] = broker.log().slice(-1)
    expect(last).toMatchObject({ level: 'fatal', msg: 'broker cannot start' })
    expect(last?.err?.message).toContain(message)
    expect(last?.err).not.toHaveProperty('stack')
  })

  it('refuses a journal that does not verify, and begins a new chain when it is told to', async () => {
    const site = await createSite()
    const first = await site.startReady()
    first.kill('SIGTERM')
    expect(await first.exited).toBe(0)
    const [segment = ''] = (await readdir(site.journal)).filter((name) => name.endsWith('.jsonl'))
    const path = join(site.journal, segment)
    await writeFile(path, (await readFile(path, 'utf8')).replace('"started"', '"stopped"'))

    const refused = await site.start()
    expect(await refused.exited).toBe(1)
    const [last] = refused.log().slice(-1)
    expect(last?.err?.message).toContain(`${segment}, line 1: the record does not have its fingerprint: it was edited`)
    expect(last?.err?.message).toContain('start once with audit.acceptNewEpoch: true')

    const accepted = await running(await site.start({ audit: { directory: site.journal, acceptNewEpoch: true } }))
    accepted.kill('SIGTERM')
    expect(await accepted.exited).toBe(0)
    const { verdict, chains } = await verifyDirectory(site.journal)
    expect({ verdict, chains: chains.length }).toEqual({ verdict: 'tampered', chains: 1 })
    // Beside the policies of the site, which the new chain knows nothing of: accepted, started, stopped.
    expect(chains[0]?.records).toBeGreaterThanOrEqual(3)
  })

  it('refuses keys that others may read', async () => {
    const site = await createSite()
    const keys = join(site.directory, 'open-keys')
    await mkdir(keys)
    await appendFile(join(keys, 'signing-keys.json'), '{}', { mode: 0o644 })

    const broker = await site.start({ keys: { directory: keys } })

    expect(await broker.exited).toBe(1)
    expect(broker.log().at(-1)?.err?.message).toContain('signing-keys.json')
  })
})
