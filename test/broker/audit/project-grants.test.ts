import { describe, expect, it } from 'vitest'
import { createGrantBook } from '../../../broker/audit/project-grants.ts'
import { GENESIS, sealRecord } from '../../../core/audit/chain.ts'
import type { AuditData, AuditRecord, AuditType } from '../../../core/audit/event.ts'
import { broker } from '../../core/audit/chain-fixture.ts'

const start = new Date('2026-08-18T10:00:00.000Z')
const subject = { cluster: 'prod', namespace: 'payments', service_account: 'deployer', pod_uid: 'pod-1' }
const run = {
  assurance: 'verified',
  pipeline_run: 'release',
  pipeline_run_uid: 'run-1',
  task_run_uid: 'task-run-1',
} as const
const actor = { cluster: 'prod', namespace: 'system', service_account: 'controller' }
const release = 'prod/payments/PipelineRun/release/run-1'
const policy = {
  name: 'p',
  namespace: 'payments',
  uid: 'policy-1',
  generation: 3,
  provider: 'builtin',
  provider_generation: 1,
}

function minutes(count: number): Date {
  return new Date(start.getTime() + count * 60_000)
}

function record(type: AuditType, data: AuditData, subject = 's'): AuditRecord {
  const position = { previous: GENESIS, sequence: 1, chainUid: 'c', id: 'e', source: '/s', broker } as const
  return sealRecord({ type, subject, time: start, data }, { ...position, durability: 'memory' }).record
}

function granted(jti: string, change: Partial<AuditData> = {}, expiresAt = minutes(5)): AuditRecord {
  const token = {
    jti,
    issuer: 'https://broker.example.com',
    audience: 'https://deploy.example.com',
    scope: ['deploy:staging'],
    issued_at: start.toISOString(),
    expires_at: expiresAt.toISOString(),
  }
  const data = {
    outcome: 'granted',
    reason: 'granted',
    exchange_id: `x-${jti}`,
    subject,
    run,
    token,
    ...change,
  } as const
  return record('dev.tokenbroker.exchange.granted.v1', data)
}

function authorized(id: string, change: Partial<AuditData> = {}): AuditRecord {
  const into = [{ task: 'deploy', service_account: 'deployer' }]
  return record('dev.tokenbroker.exchange.authorized.v1', {
    outcome: 'authorized',
    reason: 'authorized',
    authorization_id: id,
    authorization_digest: 'd'.repeat(64),
    authorization_expires_at: minutes(60).toISOString(),
    authorization_ttl_seconds: 120,
    subject,
    policy,
    run: { ...run, into },
    request: { door: 'authorize', audience: 'https://deploy.example.com', scope: ['deploy:staging'] },
    ...change,
  })
}

function revoked(...jtis: string[]): AuditRecord {
  const data = { outcome: 'info', reason: 'revoked_by_workload', revoked_tokens: jtis } as const
  return record('dev.tokenbroker.token.revoked.v1', data)
}

function ended(uid: string, change: Partial<AuditData> = {}, subject = 'payments/release'): AuditRecord {
  const data = {
    outcome: 'info',
    reason: 'run_ended',
    actor,
    run: { assurance: 'claimed', pipeline_run: 'release', pipeline_run_uid: uid },
    ...change,
  } as const
  return record('dev.tokenbroker.run.ended.v1', data, subject)
}

function bookOf(...records: AuditRecord[]) {
  const book = createGrantBook({ clock: () => start })
  for (const each of records) book.apply(each)
  return book
}

describe('createGrantBook', () => {
  it('knows a grant by its token and by its run', () => {
    const book = bookOf(granted('j1'))

    expect(book.grant('j1')).toEqual({
      jti: 'j1',
      exchangeId: 'x-j1',
      subject: granted('j1').subject,
      audience: 'https://deploy.example.com',
      scope: ['deploy:staging'],
      cluster: 'prod',
      namespace: 'payments',
      serviceAccount: 'deployer',
      podUid: 'pod-1',
      run: release,
      expiresAt: minutes(5),
      isRevoked: false,
    })
    expect(book.grantsOfRun(release)).toEqual([book.grant('j1')])
    expect(book.grantsOfRun('prod/payments/TaskRun//task-run-1')).toEqual([])
    expect(book.grant('j2')).toBeUndefined()
  })

  it('takes a TaskRun that stands alone for the run, and a pod without run for none', () => {
    const book = bookOf(
      granted('j1', { run: { assurance: 'none', task_run: 'build', task_run_uid: 'task-run-9' } }),
      granted('j2', { run: { assurance: 'none' } }),
    )

    expect(book.grantsOfRun('prod/payments/TaskRun/build/task-run-9')).toHaveLength(1)
    expect(book.grant('j2')?.run).toBeUndefined()
  })

  it('marks what was revoked, by token and by run alike', () => {
    const book = bookOf(granted('j1'), granted('j2'), revoked('j1', 'unknown'))

    expect(book.grant('j1')?.isRevoked).toBe(true)
    expect(book.grantsOfRun(release).map(({ isRevoked }) => isRevoked)).toEqual([true, false])
  })

  it('withdraws everything of a run that ends', () => {
    const other = { assurance: 'none', pipeline_run_uid: 'run-2' } as const
    const book = bookOf(granted('j1'), granted('j2', { run: other }), authorized('a1'), ended('run-1'))

    expect(book.isRunEnded(release)).toBe(true)
    expect(book.isRunEnded('prod/payments/PipelineRun/release/run-2')).toBe(false)
    expect(book.grant('j1')?.isRevoked).toBe(true)
    expect(book.grant('j2')?.isRevoked).toBe(false)
    expect(book.authorizationsOfRun(release)).toEqual([])
  })

  it('takes a grant that was under way when its run ended for revoked, and no authorisation', () => {
    const book = bookOf(ended('run-1'), granted('j1'), authorized('a1'))

    expect(book.grant('j1')?.isRevoked).toBe(true)
    expect(book.authorizationsOfRun(release)).toEqual([])
  })

  it('knows the authorisations of a run', () => {
    const book = bookOf(authorized('a1'), authorized('a2', { authorization_digest: 'e'.repeat(64) }))

    expect(book.authorizationsOfRun(release)).toHaveLength(2)
    expect(book.authorizationsOfRun(release)[0]).toEqual({
      id: 'a1',
      digest: 'd'.repeat(64),
      cluster: 'prod',
      namespace: 'payments',
      run: release,
      policyUid: 'policy-1',
      policyGeneration: 3,
      provider: 'builtin',
      audience: 'https://deploy.example.com',
      scope: ['deploy:staging'],
      into: [{ task: 'deploy', serviceAccount: 'deployer' }],
      ttlSeconds: 120,
      expiresAt: minutes(60),
    })
  })

  it.each([
    ['name', ended('run-1', { run: { assurance: 'claimed', pipeline_run: 'other', pipeline_run_uid: 'run-1' } })],
    ['kind', ended('run-1', { run: { assurance: 'claimed', task_run: 'release', task_run_uid: 'run-1' } })],
    ['namespace', ended('run-1', {}, 'other/release')],
    ['cluster', ended('run-1', { actor: { ...actor, cluster: 'test' } })],
  ])('leaves a run alone whose end is told under another %s', (_, each) => {
    const book = bookOf(granted('j1'), authorized('a1'), each)

    expect(book.isRunEnded(release)).toBe(false)
    expect(book.grant('j1')?.isRevoked).toBe(false)
    expect(book.authorizationsOfRun(release)).toHaveLength(1)
  })

  it('keeps one authorisation of those that say the same, and 256 of one run', () => {
    const digest = (number: number) => String(number).padStart(64, '0')
    const book = bookOf(authorized('a1'), authorized('a2'))
    expect(book.authorizationsOfRun(release).map(({ id }) => id)).toEqual(['a2'])

    for (let i = 0; i < 300; i++) book.apply(authorized(`b${i}`, { authorization_digest: digest(i) }))
    const kept = book.authorizationsOfRun(release).map(({ id }) => id)
    expect(kept).toHaveLength(256)
    expect([kept[0], kept.at(-1)]).toEqual(['b44', 'b299'])
  })

  it('does not take up what expired before it was read', () => {
    const book = bookOf(granted('j1', {}, start), authorized('a1', { authorization_expires_at: start.toISOString() }))

    expect(book.grant('j1')).toBeUndefined()
    expect(book.authorizationsOfRun(release)).toEqual([])
  })

  it('forgets what expired, and ends of runs after a day', () => {
    const book = bookOf(granted('j1'), granted('j2', {}, minutes(10)), authorized('a1'), ended('run-2'))

    book.sweep(minutes(5))
    expect(book.grant('j1')).toBeUndefined()
    expect(book.grantsOfRun(release).map(({ jti }) => jti)).toEqual(['j2'])
    expect(book.authorizationsOfRun(release)).toHaveLength(1)
    expect(book.isRunEnded('prod/payments/PipelineRun/release/run-2')).toBe(true)

    book.sweep(minutes(24 * 60))
    expect(book.grantsOfRun(release)).toEqual([])
    expect(book.authorizationsOfRun(release)).toEqual([])
    expect(book.isRunEnded('prod/payments/PipelineRun/release/run-2')).toBe(false)
  })

  it.each([
    ['a grant without token', record('dev.tokenbroker.exchange.granted.v1', { outcome: 'granted', reason: 'granted' })],
    ['an authorisation without run', authorized('a1', { run: { assurance: 'none' } })],
    ['an authorisation without audience', authorized('a1', { request: { door: 'authorize' } })],
    ['an authorisation without end', authorized('a1', { authorization_expires_at: 'never' })],
    ['the end of no run', record('dev.tokenbroker.run.ended.v1', { outcome: 'info', reason: 'run_ended' })],
    ['a refusal', record('dev.tokenbroker.exchange.denied.v1', { outcome: 'denied', reason: 'rbac_denied', run })],
  ])('passes over %s', (_, each) => {
    const book = bookOf(each)

    expect(book.grantsOfRun(release)).toEqual([])
    expect(book.authorizationsOfRun(release)).toEqual([])
    expect(book.isRunEnded(release)).toBe(false)
  })
})
