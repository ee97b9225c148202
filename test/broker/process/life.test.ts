import { describe, expect, it } from 'vitest'
import type { AuditRecord } from '../../../core/audit/event.ts'
import { resources } from '../../../core/io/kube/api.ts'
import { journalLines } from '../../../custom-task/cli/journal-files.ts'
import { never, verifyDirectory } from '../audit/journal-fixture.ts'
import { createSite, exchangeForm, namespace, type Running, refs, running, type Site } from './site.ts'

const patience = { timeout: 15_000, interval: 10 }

async function records({ journal }: Site): Promise<readonly AuditRecord[]> {
  const all: AuditRecord[] = []
  for await (const { text, isTerminated } of journalLines(journal, never)) {
    if (isTerminated) all.push(JSON.parse(text ?? ''))
  }
  return all
}

/** Exchanges without pause until the broker takes no more. @returns the ids of those that were answered in full */
async function load({ urls }: Running, token: string, onAnswer: () => void): Promise<readonly string[]> {
  const answered: string[] = []
  for (;;) {
    const response = await fetch(`${urls.token}/token`, {
      method: 'POST',
      body: new URLSearchParams(exchangeForm(token)),
    }).catch(() => undefined)
    if (response === undefined) return answered
    // From here on there is an answer, so it has to be whole.
    const body = (await response.json()) as Record<string, unknown>
    expect([response.status, body['token_type']], JSON.stringify(body)).toEqual([200, 'Bearer'])
    answered.push(String(body['exchange_id']))
    onAnswer()
  }
}

const introspection = async (broker: Running, site: Site, token: unknown) =>
  (await broker.post('/introspect', { token: String(token) }, site.tokenOf('deploy-api'))).body

async function keysOf({ urls }: Running): Promise<readonly string[]> {
  const { keys } = (await (await fetch(`${urls.discovery}/jwks`)).json()) as {
    readonly keys: { readonly kid: string }[]
  }
  return keys.map(({ kid }) => kid)
}

describe('the broker process', { timeout: 60_000 }, () => {
  it('says where it listens, is ready when it knows its policies, and ends in order under load', async () => {
    const site = await createSite()
    site.kube.faults.next({ verb: 'list', resource: 'tokenpolicies' }, { kind: 'answer', status: 500 }, 4)
    const broker = await running(await site.start())

    expect(await broker.readiness()).toEqual([503, 'the policies of cluster main have not been listed yet\n'])
    expect((await fetch(`${broker.urls.metrics}/livez`)).status).toBe(200)
    await expect.poll(broker.readiness, patience).toEqual([200, 'ok\n'])
    expect(broker.log().filter(({ msg }) => msg === 'listening')).toEqual(
      ['token', 'discovery', 'metrics'].map((listener) =>
        expect.objectContaining({ level: 'info', listener, url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) }),
      ),
    )

    const { token } = site.createRun()
    let count = 0
    const busy = Promise.withResolvers<void>()
    const loads = Array.from({ length: 8 }, () => load(broker, token, () => ++count === 100 && busy.resolve()))
    await busy.promise
    broker.kill('SIGTERM')

    const answered = (await Promise.all(loads)).flat()
    expect(await broker.exited).toBe(0)
    const written = await records(site)
    const granted = new Set(written.map(({ data }) => data.outcome === 'granted' && data.exchange_id))
    expect(answered.length).toBeGreaterThanOrEqual(100)
    expect(answered.filter((id) => !granted.has(id))).toEqual([])
    expect(written[0]?.data.reason).toBe('started')
    expect(written.at(-1)?.type).toBe('dev.tokenbroker.broker.stopped.v1')
    expect(await verifyDirectory(site.journal)).toMatchObject({ verdict: 'ok', chains: [expect.anything()] })
    const lifeCycle = broker.log().filter(({ msg }) => msg !== 'exchange decided')
    expect(lifeCycle.slice(-2)).toMatchObject([
      { msg: 'stopping', reason: 'SIGTERM' },
      { msg: 'stopped', code: 0 },
    ])
    expect(broker.output()).not.toContain(token.split('.')[2])
  })

  it('goes on after a kill with the same keys, grants, ended runs and chain', async () => {
    const site = await createSite()
    const first = await site.startReady()
    const [lasting, ended] = [site.createRun(), site.createRun()]
    const [kept, withdrawn] = [await first.exchange(lasting.token), await first.exchange(ended.token)]
    expect([kept.status, withdrawn.status]).toEqual([200, 200])
    await endRun(site, first, ended)
    const keys = await keysOf(first)
    first.kill('SIGKILL')
    expect(await first.exited).toBe('SIGKILL')

    const second = await site.startReady()

    expect(await keysOf(second)).toEqual(keys)
    expect(await introspection(second, site, kept.body['access_token'])).toMatchObject({ active: true })
    expect(await introspection(second, site, withdrawn.body['access_token'])).toEqual({ active: false })
    expect((await second.exchange(lasting.token)).status).toBe(200)
    expect(await second.exchange(ended.token)).toMatchObject({ status: 400 })
    const { chains, verdict } = await verifyDirectory(site.journal)
    expect([verdict, chains.length]).toEqual(['ok', 1])
    const lives = (await records(site))
      .map(({ data }) => data.reason)
      .filter((reason) => /^(?:started|stopped)$/.test(reason))
    expect(lives).toEqual(['started', 'started'])
  })

  it('says in its readiness that the API server refuses it, and what to apply', async () => {
    const site = await createSite()
    site.kube.faults.next({ resource: 'tokenpolicies' }, { kind: 'answer', status: 403 }, 1000)
    const broker = await running(await site.start())

    const sentence =
      'cluster main refuses the broker watching tokenpolicies (403): apply and bind charts/rbac/broker.yaml'
    await expect
      .poll(broker.readiness, patience)
      .toEqual([503, `the policies of cluster main have not been listed yet\n${sentence}\n`])
    site.kube.faults.clear()

    await expect.poll(broker.readiness, patience).toEqual([200, 'ok\n'])
  })

  it('says in its readiness which kinds the cluster does not serve, and works when they are there', async () => {
    const site = await createSite()
    const unknown = { kind: 'answer', status: 404 } as const
    const serve = ['clustertokenpolicies', 'tokenapprovals'].map((resource) =>
      site.kube.faults.next({ resource }, unknown, Number.POSITIVE_INFINITY),
    )
    const broker = await running(await site.start())

    const mend = 'kubectl apply --server-side --force-conflicts -f charts/crds'
    await expect
      .poll(broker.readiness, patience)
      .toEqual([
        503,
        'the policies of cluster main have not been listed yet\n' +
          `cluster main does not serve clustertokenpolicies, tokenapprovals: ${mend}\n`,
      ])
    for (const one of serve) one()

    await expect.poll(broker.readiness, patience).toEqual([200, 'ok\n'])
  })

  it('starts while the API server is down, answers 503, and works when it is back', async () => {
    const site = await createSite()
    const { token } = site.createRun()
    await site.kube.faults.stopListening()
    const broker = await running(await site.start())

    expect(await broker.readiness()).toEqual([503, 'the policies of cluster main have not been listed yet\n'])
    expect(await broker.exchange(token)).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } })
    await site.kube.faults.listenAgain()

    await expect.poll(broker.readiness, patience).toEqual([200, 'ok\n'])
    expect((await broker.exchange(token)).status).toBe(200)
  })

  it('goes on when nobody reads its log any more, and ends in order', async () => {
    const site = await createSite()
    const broker = await site.startReady()
    const { token } = site.createRun()
    await broker.loseReaders()

    for (let count = 0; count < 3; count += 1) expect((await broker.exchange(token)).status).toBe(200)
    broker.kill('SIGTERM')

    expect(await broker.exited).toBe(0)
    expect((await records(site)).at(-1)?.type).toBe('dev.tokenbroker.broker.stopped.v1')
  })

  it('obeys suspend of provider and policy as soon as it is seen', async () => {
    const site = await createSite()
    const broker = await site.startReady()
    const { token } = site.createRun()
    const status = async () => (await broker.exchange(token)).status
    expect(await status()).toBe(200)

    for (const [resource, ref] of [refs.provider, refs.policy]) {
      site.kube.objects.patch(resource, ref, { spec: { suspend: true } })
      await expect.poll(status, { timeout: 5000, interval: 5 }).toBe(400)
      site.kube.objects.patch(resource, ref, { spec: { suspend: false } })
      await expect.poll(status, { timeout: 5000, interval: 5 }).toBe(200)
    }
  })

  it('withdraws at its start, once, what a person withdrew while it was away', async () => {
    const site = await createSite()
    const first = await site.startReady()
    const { token } = site.createRun()
    const before = String((await first.exchange(token)).body['access_token'])
    first.kill('SIGKILL')
    await first.exited
    const annotations = { 'tokenbroker.dev/revoked-by': 'alice', 'tokenbroker.dev/revoked-at': '2026-01-01T00:00:00Z' }
    site.kube.objects.patch(...refs.policy, { metadata: { annotations } })

    const second = await site.startReady()
    await expect.poll(() => introspection(second, site, before), patience).toEqual({ active: false })
    const after = String((await second.exchange(token)).body['access_token'])
    second.kill('SIGTERM')
    expect(await second.exited).toBe(0)
    const third = await site.startReady()

    expect(await introspection(third, site, before)).toEqual({ active: false })
    expect(await introspection(third, site, after)).toMatchObject({ active: true })
    third.kill('SIGTERM')
    expect(await third.exited).toBe(0)
    const acts = (await records(site)).filter(({ data }) => data.reason === 'revoked_by_person')
    expect(acts.map(({ type, data }) => [type, data.by])).toEqual([
      ['dev.tokenbroker.access.suspended.v1', 'alice'],
      ['dev.tokenbroker.token.revoked.v1', 'alice'],
    ])
  })

  it('gives nothing when the disk takes no more, and all it gave is there after the restart', async () => {
    const site = await createSite()
    // Files over a limit fail in the midst of a write, as on a full disk.
    const broker = await site.startReady({}, { fileBlocks: 48 })
    const { token } = site.createRun()
    const answered: unknown[] = []
    let last = await broker.exchange(token)
    for (; last.status === 200; last = await broker.exchange(token)) answered.push(last.body['exchange_id'])

    expect(answered.length).toBeGreaterThan(3)
    expect(last).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } })
    expect(last.body).not.toHaveProperty('access_token')
    expect(await broker.readiness()).toEqual([503, 'the audit journal cannot be written: failed\n'])
    expect((await fetch(`${broker.urls.metrics}/livez`)).status).toBe(503)
    expect(await (await fetch(`${broker.urls.metrics}/metrics`)).text()).toContain('\ntokenbroker_audit_writable 0\n')
    broker.kill('SIGTERM')
    expect(await broker.exited).toBe(1)

    const again = await site.startReady()
    expect((await again.exchange(token)).status).toBe(200)
    again.kill('SIGTERM')
    expect(await again.exited).toBe(0)
    const written = (await records(site)).map(({ data }) => data.exchange_id)
    expect(answered.filter((id) => !written.includes(String(id)))).toEqual([])
    expect((await verifyDirectory(site.journal)).verdict).toBe('ok')
  })
})

/** Ends a run and reports it, then has Tekton say again that it goes on: from here on the broker alone knows. */
async function endRun(site: Site, broker: Running, { run }: ReturnType<Site['createRun']>): Promise<void> {
  const { name, uid } = run.metadata
  const conditionsOf = (status: string) => ({ conditions: [{ type: 'Succeeded', status, reason: 'Reason' }] })
  site.kube.objects.patchStatus(resources.pipelineRuns, { namespace, name }, conditionsOf('True'))
  const form = { run: `${namespace}/PipelineRun/${name}/${uid}` }
  expect(await broker.post('/runs/end', form, site.tokenOf('controller'))).toMatchObject({
    status: 200,
    body: { revoked: 1 },
  })
  site.kube.objects.patchStatus(resources.pipelineRuns, { namespace, name }, conditionsOf('Unknown'))
}
