import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { changedEntry, withdrawnEntry } from '../../broker/access-records.ts'
import { questionOf } from '../../broker/approvals/question.ts'
import { verdictEntry } from '../../broker/approvals/verdict-entry.ts'
import { openJournal } from '../../broker/audit/journal.ts'
import { createSuppressor } from '../../broker/audit/suppress.ts'
import { createExchange } from '../../broker/exchange.ts'
import { entryFor } from '../../broker/records.ts'
import type { AuditEntry, AuditRecord } from '../../core/audit/event.ts'
import { resources } from '../../core/io/kube/api.ts'
import { createLog } from '../../core/io/log.ts'
import type { Allowance } from '../../core/policy/allowance.ts'
import { version } from '../../core/version.ts'
import { forms, play } from '../../test/broker/exchange-fixture.ts'
import { customRunForm, exchangeForm } from '../../test/broker/http/whole-app.ts'
import { createCustomRun, createRun, succeeded } from '../../test/broker/identity/run-fixture.ts'
import { pushBody, startInterceptor } from '../../test/broker/interceptor/interceptor-fixture.ts'
import { system } from '../../test/demo/cluster-objects.ts'
import { startExampleBroker } from './example-broker.ts'
import { createStableText, stableId } from './stable-text.ts'

const name = 'tokenbroker-0'
const clock = () => new Date('2026-03-01T12:00:00.000Z')
const signal = new AbortController().signal
const log = createLog({ name: 'docs', level: 'silent' })

/** Records as a broker writes them, one of each type at least; the same at every call. */
export async function exampleRecords(): Promise<readonly AuditRecord[]> {
  const directory = await mkdtemp(join(tmpdir(), 'tokenbroker-docs-'))
  try {
    const parts = [entriesOfBroker(), intendedEntries(), approvalEntries(), eventEntries(), accessEntries()]
    const entries = (await Promise.all(parts)).flat()
    return await recorded(directory, entries)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** What the whole broker records for a run that asks, is denied, meets an outage, gives a token back and ends. */
async function entriesOfBroker(): Promise<readonly AuditEntry[]> {
  await using broker = await startExampleBroker()
  const { kube } = broker
  const { pipelineRun, pod } = createRun(kube)
  const other = createRun(kube)
  const token = broker.tokenOf('payments', pod.metadata.name, 'deployer')
  const controller = broker.tokenOf(system, 'tokenbroker-controller-0', 'tokenbroker-controller')
  const post = async (path: string, form: Readonly<Record<string, string>>, bearer?: string) => {
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
    const response = await broker.request(path, { method: 'POST', body: new URLSearchParams(form), headers })
    return (await response.json()) as Readonly<Record<string, string>>
  }

  await post('/authorize', customRunForm(createCustomRun(kube, pipelineRun), controller))
  const { access_token: accessToken = '' } = await post('/token', exchangeForm(token))
  await post('/token', exchangeForm(token, { policy: 'deploy-staging', scope: 'deploy:production' }))
  await post('/explain', exchangeForm(token, { policy: 'deploy-staging', scope: 'deploy:production' }))
  kube.faults.next({ resource: 'pods' }, { kind: 'cut' }, 20)
  await post('/token', exchangeForm(broker.tokenOf('payments', other.pod.metadata.name, 'deployer')))
  kube.faults.clear()
  await post('/revoke', { token: accessToken }, token)
  const { name: run, uid } = pipelineRun.metadata
  kube.objects.patchStatus(resources.pipelineRuns, { namespace: 'payments', name: run }, { conditions: succeeded })
  await post('/runs/end', { run: `payments/PipelineRun/${run}/${uid}` }, controller)

  return stableEntries(await broker.records(), { [run]: 'release-7', [other.pipelineRun.metadata.name]: 'release-8' })
}

/** The entry, stable, of each record: who sealed it, and where in which chain, is left out. */
function stableEntries(
  records: readonly AuditRecord[],
  names: Readonly<Record<string, string>>,
): readonly AuditEntry[] {
  const stable = createStableText()
  return records.map(
    ({ type, subject, time, data: { broker: _broker, durability: _durability, attestation: _at, ...data } }) => {
      const text = Object.entries(names).reduce(
        (current, [from, to]) => current.replaceAll(from, to),
        JSON.stringify({ type, subject, data }),
      )
      return { ...JSON.parse(stable(text)), time: new Date(time) } as AuditEntry
    },
  )
}

/** No provider of this version calls out, so the exchange is told that one does. */
async function intendedEntries(): Promise<readonly AuditEntry[]> {
  const { steps, entries } = play({ callsUpstream: () => true })
  await createExchange(steps)({ door: 'token', body: forms.exchange(), peerAddress: '127.0.0.1' }, signal)
  return withUids(entries.filter(({ data }) => data.outcome === 'intended'))
}

/** What is recorded of a question: that it was asked, what people said, and of another one that nobody did. */
async function approvalEntries(): Promise<readonly AuditEntry[]> {
  const entries: AuditEntry[] = []
  const { steps } = play({
    async approve(allowance, known, into) {
      const needs = [{ groups: ['release-managers'], required: 1, expiresAfterSeconds: 1800, askedBy: 'policy' }]
      const question = questionOf({ ...allowance, approvals: needs } as unknown as Allowance, into, clock())
      const { name, cluster, namespace, run, spec, authorizationEndsAt: expiresAt } = question
      const askedUntil = new Date(spec.expiresAt)
      const { digest } = spec.request
      const fate = { name, cluster, namespace, run, digest, verdict: 'open', askedUntil, expiresAt } as const
      const decisions = ['alice', 'bob'].map((by) => ({ by, verdict: 'Approved' as const }))
      const seen = { uid: stableId(900), spec: { ...spec, decisions } }
      entries.push(entryFor(known, { kind: 'asked', question }, clock()))
      entries.push(verdictEntry(fate, 'approved', clock(), seen), verdictEntry(fate, 'expired', askedUntil))
    },
  })
  await createExchange(steps)({ door: 'token', body: forms.exchange(), peerAddress: '127.0.0.1' }, signal)
  return withUids(entries)
}

function withUids(entries: readonly AuditEntry[]): readonly AuditEntry[] {
  const names = ['uid-of-deploy', 'pod-uid', 'sa-uid', 'credential-1'].map(
    (uid, index) => [`"${uid}"`, `"00000000-0000-4000-8000-00000000010${index}"`] as const,
  )
  return entries.map(({ time, ...entry }) => {
    const text = names.reduce((current, [from, to]) => current.replaceAll(from, to), JSON.stringify(entry))
    return { ...JSON.parse(text), time } as AuditEntry
  })
}

/** A push that comes in, and comes in again under another id. */
async function eventEntries(): Promise<readonly AuditEntry[]> {
  await using github = await startInterceptor({ clock })
  const push = github.signed('push', pushBody())
  await github.intercept(push, { eventId: '00000000-0000-4000-8000-000000000201' })
  await github.intercept(push, { eventId: '00000000-0000-4000-8000-000000000202' })
  return github.entries
}

/** A policy that changed, and from which a person withdrew everything. */
function accessEntries(): readonly AuditEntry[] {
  const policy = {
    cluster: 'main',
    kind: 'TokenPolicy',
    namespace: 'payments',
    name: 'deploy-staging',
    uid: '00000000-0000-4000-8000-000000000100',
    generation: 3,
    digest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    provider: 'builtin',
  } as const
  const revoked = { by: 'alice@example.com', at: '2026-03-01T11:59:59.120Z' }
  return [changedEntry(policy, 'policy_changed', clock()), withdrawnEntry(policy, revoked, [], clock())]
}

/** A journal that is opened, written, closed in the middle of a line, and opened again. */
async function recorded(directory: string, entries: readonly AuditEntry[]): Promise<readonly AuditRecord[]> {
  let count = 1000
  const records: AuditRecord[] = []
  const options = {
    directory,
    source: `/tokenbroker/${name}`,
    broker: { name, version },
    clock,
    newId: () => stableId(count++),
    log,
  }
  const first = await openJournal({ ...options, onDurable: (record) => records.push(record) }, signal)
  await first.append(lifeCycle('started'))
  for (const entry of entries) await first.append(entry)
  const suppressor = createSuppressor({ journal: first, clock, alarm: () => () => undefined, log, subject: name })
  for (let i = 0; i < 3; i += 1) suppressor.note('token', 'subject_token_signature')
  await suppressor.close()
  await first.close(signal)

  const [segment = ''] = (await readdir(directory)).filter((file) => file.endsWith('.jsonl'))
  await appendFile(join(directory, segment), '{"specversion":"1.0","id":"019a')
  const again: AuditRecord[] = []
  const second = await openJournal({ ...options, onDurable: (record) => again.push(record) }, signal)
  await second.append(lifeCycle('stopped'))
  await second.close(signal)
  return again
}

/** As `broker/start.ts` writes them. */
function lifeCycle(what: 'started' | 'stopped'): AuditEntry {
  return {
    type: `dev.tokenbroker.broker.${what}.v1`,
    subject: name,
    time: clock(),
    data: { outcome: 'info', reason: what },
  }
}
