import { describe, expect, it } from 'vitest'
import { withdrawnEntry } from '../../../broker/access-records.ts'
import { questionOf } from '../../../broker/approvals/question.ts'
import { verdictEntry } from '../../../broker/approvals/verdict-entry.ts'
import { createExchange } from '../../../broker/exchange.ts'
import { entryFor } from '../../../broker/records.ts'
import { describeEvent } from '../../../core/audit/describe-event.ts'
import type { AuditEntry } from '../../../core/audit/event.ts'
import type { Run } from '../../../core/identity/run.ts'
import type { Allowance, ApprovalNeed } from '../../../core/policy/allowance.ts'
import { exchangeId, forms, gatheredOf, issuedAt, play } from '../../broker/exchange-fixture.ts'
import { factsOf, run } from '../../core/policy/policy-fixture.ts'
import { commandLine } from './command-line.ts'
import { denied, edit, journalOf, started } from './journal-directory.ts'

const event = {
  id: 'event-7',
  sender: 'acme',
  kind: 'github',
  eventListener: { namespace: 'ci', name: 'github' },
  trigger: { namespace: 'ci', name: 'push' },
  bodyDigest: 'a'.repeat(64),
  receivedAt: issuedAt,
  login: 'octocat',
  person: 'alice@example.com',
  fields: { kind: 'push', ref: 'refs/heads/main' },
} as const

const verified: Run = {
  ...run,
  assurance: 'verified',
  initiator: { username: 'alice@example.com', uid: undefined, kind: 'event', isProved: true },
  event,
  source: {
    uri: 'git+https://github.com/acme/pipelines.git',
    digest: 'sha1:9d1f0a6',
    entryPoint: 'release.yaml',
    revision: 'main',
  },
  evidence: [{ hop: 'pod', verdict: 'proved' }],
}

const registered: AuditEntry = {
  type: 'dev.tokenbroker.event.registered.v1',
  subject: 'ci/push',
  time: new Date('2026-03-01T11:59:58Z'),
  data: { outcome: 'info', reason: 'event_verified', event: describeEvent(event) },
}

/** What the exchange of this broker writes for such a run: the question, if there is one, and the token. */
async function entriesOfRun(of: Run, need?: ApprovalNeed): Promise<readonly AuditEntry[]> {
  const asked: AuditEntry[] = []
  const { steps, entries } = play({
    gather: async () => gatheredOf({ facts: factsOf({ run: of }) }),
    async approve(allowance, known, into) {
      if (need === undefined) return
      const question = questionOf({ ...allowance, approvals: [need] } as unknown as Allowance, into, issuedAt)
      const { name, cluster, namespace, run: key, spec, authorizationEndsAt: expiresAt } = question
      const askedUntil = new Date(spec.expiresAt)
      const { digest } = spec.request
      const fate = { name, cluster, namespace, run: key, digest, verdict: 'open', askedUntil, expiresAt } as const
      const decisions = [{ by: 'bob', verdict: 'Approved' as const, comment: 'after the tests' }]
      asked.push(
        entryFor(known, { kind: 'asked', question }, issuedAt),
        verdictEntry(fate, 'approved', new Date('2026-03-01T12:03:00Z'), { uid: 'u', spec: { ...spec, decisions } }),
      )
    },
  })
  await createExchange(steps)({ door: 'token', body: forms.exchange(), peerAddress: '127.0.0.1' }, never)
  return [...asked, ...entries]
}

const never = new AbortController().signal
const managers = { groups: ['release-managers'], required: 1, expiresAfterSeconds: 1800, askedBy: 'policy' } as const
const ofRun = 'payments/release-1'

async function traced(entries: readonly AuditEntry[], ...args: readonly string[]): Promise<readonly string[]> {
  const { directory } = await journalOf(entries)
  const { code, out, notes } = await commandLine(['trace', ...args, '--journal', directory])
  expect([code, notes]).toEqual([0, ''])
  return out.trimEnd().split('\n')
}

describe('trace', () => {
  it('shows event, initiator, run, approval, pod, exchange and token below each other', async () => {
    const lines = await traced([started, registered, ...(await entriesOfRun(verified, managers)), denied], ofRun)

    const exchange = `exchange ${exchangeId} 2026-03-01T12:00:00.000Z`
    expect(lines).toEqual([
      'event event-7, received 2026-03-01T11:59:58.000Z, github sender acme, push of refs/heads/main, login octocat, EventListener ci/github, trigger ci/push, verified',
      '└─ initiator alice@example.com, named by the event, proved',
      '   └─ PipelineRun payments/release-1, uid 11111111-1111-4111-8111-111111111111, cluster main, pipeline release, source git+https://github.com/acme/pipelines.git revision main sha1:9d1f0a6 file release.yaml, assurance verified',
      expect.stringMatching(
        /^ {6}├─ approval deploy-\w+, asked 2026-03-01T12:00:00\.000Z until 2026-03-01T12:30:00Z: approved 2026-03-01T12:03:00\.000Z$/,
      ),
      '      │  ├─ asked: 1 of release-managers',
      '      │  └─ bob said Approved: "after the tests"',
      '      └─ task deploy, TaskRun release-1-deploy, pod release-1-deploy-pod, ServiceAccount deployer',
      `         └─ ${exchange}: granted, TokenPolicy deploy generation 3, scopes deploy:staging, audience https://deploy.example.com`,
      `            └─ token ${exchangeId}, expires 2026-03-01T12:05:00Z`,
    ])
  })

  it.each<[string, Partial<Run>, string | undefined]>([
    ['no event', { event: undefined }, undefined],
    [
      'labels that say so',
      { event: undefined, trigger: { eventListener: 'github', trigger: 'push', eventId: 'e1' } },
      'event e1, EventListener github, trigger push, not verified: labels of the run say so',
    ],
  ])('with %s calls none verified', async (_what, changes, line) => {
    const lines = await traced([registered, ...(await entriesOfRun({ ...verified, ...changes }))], ofRun)

    expect(lines.filter((one) => one.includes('event e') || one.includes('octocat'))).toEqual(line ? [line] : [])
  })

  it('says of two records no more than the weaker one, and why it is weak', async () => {
    const weaker: Run = {
      ...verified,
      assurance: 'claimed',
      initiator: { username: 'alice@example.com', uid: undefined, kind: 'person', isProved: false },
      evidence: [
        { hop: 'pod', verdict: 'proved' },
        { hop: 'images', verdict: 'claimed', detail: 'there is an ephemeral container' },
        { hop: 'times', verdict: 'claimed', detail: 'older' },
      ],
    }
    const lines = await traced([...(await entriesOfRun(verified)), ...(await entriesOfRun(weaker))], ofRun)

    expect(lines.join('\n')).toMatch(/initiator alice@example\.com, stamped by admission, not proved\n/)
    expect(lines.join('\n')).toMatch(/assurance claimed\n.*only claimed: images: "there is an ephemeral container"\n/)
    expect(lines.join('\n')).not.toContain('older')
  })

  it('shows a withdrawal that names only the token, by whom and when', async () => {
    const policy = {
      cluster: 'main',
      kind: 'TokenPolicy',
      namespace: 'payments',
      name: 'deploy',
      uid: 'u',
      generation: 3,
      digest: 'd'.repeat(64),
      provider: 'builtin',
    } as const
    const at = new Date('2026-03-01T12:02:00Z')
    const revoked = withdrawnEntry(policy, { by: 'eve, twice', at: '2026-03-01T12:01:59Z' }, [], at)
    const entry = { ...revoked, data: { ...revoked.data, revoked_tokens: [exchangeId] } }

    const later = { ...entry, time: new Date('2026-03-01T12:04:00Z') }
    const lines = await traced([...(await entriesOfRun(verified)), entry, later], ofRun)

    expect(lines.filter((line) => line.includes('token 019'))).toEqual([
      expect.stringMatching(
        /expires 2026-03-01T12:05:00Z, revoked 2026-03-01T12:02:00\.000Z: revoked_by_person by "eve, twice"$/,
      ),
    ])
  })

  it('counts what a pod asked while its run was not known to the run', async () => {
    const { entries, steps } = play({
      gather: async () => gatheredOf({ facts: factsOf({ run: { ...run, assurance: 'none' } }) }),
    })
    await createExchange(steps)({ door: 'token', body: forms.exchange(), peerAddress: '127.0.0.1' }, never)
    const lost = entries.map((entry) => {
      const { run: _run, token: _token, ...data } = entry.data
      return { ...entry, data: { ...data, outcome: 'failed', reason: 'kubernetes_unavailable', exchange_id: 'lost' } }
    }) as readonly AuditEntry[]

    const lines = await traced([...lost, ...(await entriesOfRun(verified))], ofRun)

    const asked = lines.flatMap((line) => /exchange (\S+) \S+: (\w+ ?\w*)/.exec(line)?.slice(1).join(' ') ?? [])
    expect(asked).toEqual(['lost failed kubernetes_unavailable', `${exchangeId} granted`])
    expect(lines.filter((line) => line.includes('ServiceAccount'))).toHaveLength(1)
  })

  it('shows an exchange once that was intended before it was granted', async () => {
    const { entries, steps } = play({ callsUpstream: () => true })
    await createExchange(steps)({ door: 'token', body: forms.exchange(), peerAddress: '127.0.0.1' }, never)
    expect(entries.map(({ data }) => data.outcome)).toEqual(['intended', 'granted'])

    const lines = await traced(entries, ofRun)

    expect(lines.filter((line) => line.includes('exchange 019'))).toEqual([expect.stringContaining(': granted, ')])
  })

  it('draws a tree for each run of one name, and with -o json prints a document for each', async () => {
    const again = { ...verified, pipelineRun: { name: 'release-1', uid: '22222222-2222-4222-8222-222222222222' } }
    const entries = [...(await entriesOfRun(verified)), ...(await entriesOfRun(again))]

    expect((await traced(entries, ofRun)).filter((line) => line.includes('PipelineRun'))).toHaveLength(2)
    const documents = (await traced(entries, ofRun, '-o', 'json')).map((line) => JSON.parse(line))
    expect(documents.map((one) => one.run.uid)).toEqual([verified.pipelineRun?.uid, again.pipelineRun.uid])
    expect(documents[0]).toMatchObject({
      event: { id: 'event-7', is_verified: true },
      initiator: { name: 'alice@example.com', from: 'event', is_proved: true },
      run: { kind: 'PipelineRun', name: 'release-1', assurance: 'verified' },
      workloads: [{ task: 'deploy', exchanges: [{ policy: { generation: 3 }, token: { jti: exchangeId } }] }],
    })
  })

  it('takes what is not of its type as absent, and names what it cannot read', async () => {
    const { directory } = await journalOf(await entriesOfRun(verified))
    await edit(directory, (text) =>
      `no record\n${text}half a li`
        .replace('"initiator":"alice@example.com"', '"initiator":{"a":1}')
        .replace('"evidence":[', '"evidence":[7,')
        .replace('"service_account":"deployer"', '"service_account":"\\u001b[2Jx\\u202e"'),
    )

    const { code, out, notes } = await commandLine(['trace', ofRun, '--journal', directory])

    expect(code).toBe(0)
    expect(out).not.toContain('initiator')
    expect(out).toContain('ServiceAccount "?[2Jx?"\n')
    expect(notes).toBe(`Damaged lines that are not shown: 1. See: tokenbroker audit verify ${directory}\n`)
  })

  it('says of a run that it does not find that a damaged line names it', async () => {
    const { directory } = await journalOf([started])
    await edit(directory, (text) => `{"subject":"${ofRun}"\n${text}`)

    const { code, notes } = await commandLine(['trace', ofRun, '--journal', directory])

    expect(code).toBe(1)
    expect(notes).toMatch(/^Damaged lines that are not shown: 1\..*\nNo record in this journal is of that run/)
  })

  it('ends at once when nobody reads any more', async () => {
    const { directory } = await journalOf(await entriesOfRun(verified))
    const lines: string[] = []

    const ran = await commandLine(['trace', ofRun, '--journal', directory], { out: (line) => lines.push(line) < 2 })

    expect([ran.code, lines.length]).toEqual([0, 2])
  })

  it.each([
    [['payments/release-2'], 'of that run: check namespace and name'],
    [['billing/release-1'], 'of that run: check namespace and name'],
    [['--jti', 'exchange-2'], 'of that token: check its claims jti and iss'],
    [['--exchange', 'event-7'], 'of that exchange: check the id'],
  ])('says with the mend that %j is not in the journal', async (args, mend) => {
    const { directory } = await journalOf([registered, ...(await entriesOfRun(verified)), denied])

    const { code, out, notes } = await commandLine(['trace', ...args, '--journal', directory])

    expect([code, out]).toEqual([1, ''])
    expect(notes).toContain(`No record in this journal is ${mend}, and copy the journal anew.`)
  })

  it.each([
    [[], 'Name one NAMESPACE/RUN, or one --jti, or one --exchange.'],
    [['a/b', '--jti', 'c'], 'Name one NAMESPACE/RUN, or one --jti, or one --exchange.'],
    [['release-1'], 'Name the run as NAMESPACE/RUN, such as payments/release-7.'],
    [['payments/release-1/x'], 'Name the run as NAMESPACE/RUN, such as payments/release-7.'],
    [['--jti', 'eyJhbGciOiJSUzI1NiJ9.e30.c2ln'], '--jti takes the claim jti of a token.'],
    [['--exchange', '../x'], '--exchange takes one exchange id, as a refusal ends with it.'],
    [['a/b', '-o', 'yaml'], '--output takes tree or json.'],
  ])('takes %j for wrong usage, and repeats nothing of it', async (args, mend) => {
    const { code, out, notes } = await commandLine(['trace', ...args])

    expect([code, out]).toEqual([2, ''])
    expect(notes.split('\n')[0]).toBe(mend)
  })
})
