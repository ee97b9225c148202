import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { brokerConfig } from '../../broker/config.ts'
import { createEvents } from '../../broker/events.ts'
import { createBrokerMetrics } from '../../broker/metrics.ts'
import type { AuditEntry, Receipt } from '../../core/audit/event.ts'
import { startServer } from '../../core/io/http-server.ts'
import { createLog } from '../../core/io/log.ts'
import { eventId, hmacOf, interceptorRequest, pushBody, recordOf } from './interceptor/interceptor-fixture.ts'

const now = new Date('2026-03-01T12:00:00.000Z')
const secret = 'the secret of the webhook'
const at = { address: '127.0.0.1', port: 0 }

async function configOf(more: object = {}) {
  const secretDirectory = await mkdtemp(join(tmpdir(), 'sender-'))
  onTestFinished(async () => await rm(secretDirectory, { recursive: true }))
  await writeFile(join(secretDirectory, 'secret'), secret)
  const triggers = [{ namespace: 'ci', name: 'push', eventListener: { name: 'github' } }]
  return brokerConfig.parse({
    issuer: 'https://tokenbroker.example.com',
    listeners: { token: at, discovery: at, metrics: at, interceptor: at },
    clusters: [{ name: 'main' }],
    keys: { directory: '/keys' },
    audit: { directory: '/audit' },
    interceptor: { senders: [{ name: 'acme', kind: 'github', secretDirectory, triggers, ...more }] },
  })
}

function partsOf(apply: (entry: AuditEntry) => void) {
  const suppressed: string[] = []
  const lines: string[] = []
  const metrics = createBrokerMetrics({ version: '0' })
  const log = createLog({ name: 'broker', destination: { write: (line: string) => void lines.push(line) } })
  const journal = {
    async append(entry: AuditEntry) {
      apply(entry)
      return {} as Receipt
    },
  }
  const suppress = (door: string, reason: string) => void suppressed.push(`${door} ${reason}`)
  return { journal, suppress, metrics, log, suppressed, lines }
}

const run = {
  cluster: 'main',
  namespace: 'ci',
  uid: 'run-1',
  createdAt: now,
  trigger: 'push',
  eventListener: 'github',
}

describe('createEvents', () => {
  it('lets a signed event through, tells it in log and metrics, and knows its run; counts the others', async () => {
    const events = createEvents(await configOf(), () => now)
    const parts = partsOf((entry) => events.apply(recordOf(entry)))
    const app = await events.open(parts)
    if (app === undefined) throw new TypeError('no interceptor')
    const server = await startServer(app, at)
    onTestFinished(async () => await server.close(0))
    const post = async (body: string, key: string) => {
      const signature = `sha256=${hmacOf(key, body).toString('hex')}`
      const header = { 'X-GitHub-Event': ['push'], 'X-Hub-Signature-256': [signature] }
      const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
      const text = JSON.stringify(interceptorRequest({ body, header }))
      const response = await fetch(`${server.url}/intercept`, { ...init, body: text })
      return (await response.json()) as { readonly continue: boolean }
    }

    expect((await post(pushBody(), 'another secret of it')).continue).toBe(false)
    expect((await post(pushBody(), secret)).continue).toBe(true)

    expect(events.register.claim(eventId, run)).toMatchObject({ sender: 'acme', login: 'octocat' })
    expect(parts.suppressed).toEqual(['interceptor event_signature'])
    const text = await parts.metrics.registry.metrics()
    expect(text).toContain('tokenbroker_events_total{sender="",reason="event_signature"} 1')
    expect(text).toContain('tokenbroker_events_total{sender="acme",reason="event_verified"} 1')
    expect(parts.lines.join('')).toMatch(/"trigger":"ci\/push".*"msg":"event verified"/)
    expect(parts.lines.join('')).not.toContain(secret)
    events.sweep(new Date(now.getTime() + 24 * 3_600_000))
    expect(events.register.claim(eventId, run)).toBeUndefined()
  })

  it('does not start with a sender whose secrets are not there', async () => {
    const events = createEvents(await configOf({ secretDirectory: '/nonexistent' }), () => now)

    await expect(events.open(partsOf(() => undefined))).rejects.toThrow(
      'interceptor.senders.0.secretDirectory: /nonexistent cannot be read: mount the Secret of the sender',
    )
  })

  it('verifies no event without an interceptor', async () => {
    const { interceptor: _none, ...config } = await configOf()
    const events = createEvents(config, () => now)

    expect(await events.open(partsOf(() => undefined))).toBeUndefined()
    events.apply(recordOf({ type: 'dev.tokenbroker.run.ended.v1', subject: 'a/b', time: now, data: ended }))
    events.sweep(now)
    expect(events.register.claim(eventId, run)).toBeUndefined()
  })
})

const ended = { outcome: 'info', reason: 'event_verified' } as const
