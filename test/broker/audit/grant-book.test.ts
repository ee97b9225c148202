import { describe, expect, it } from 'vitest'
import { createGrantBook } from '../../../broker/audit/grant-book.ts'
import { GENESIS, sealRecord } from '../../../core/audit/chain.ts'
import type { AuditData, AuditRecord, AuditType } from '../../../core/audit/event.ts'
import { broker } from '../../core/audit/chain-fixture.ts'

const start = new Date('2026-08-18T10:00:00.000Z')
const subject = { cluster: 'prod', namespace: 'payments', service_account: 'deployer', pod_uid: 'pod-1' }
const run = { assurance: 'verified', pipeline_run_uid: 'run-1', task_run_uid: 'task-run-1' } as const
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

function record(type: AuditType, data: AuditData, time = start): AuditRecord {
  const position = { previous: GENESIS, sequence: 1, chainUid: 'c', id: 'e', source: '/s', broker } as const
  return sealRecord({ type, subject: 's', time, data }, { ...position, durability: 'memory' }).record
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

function ended(runUid: string, time = start): AuditRecord {
  const data = {
    outcome: 'info',
    reason: 'run_ended',
    run: { assurance: 'claimed', pipeline_run_uid: runUid },
  } as const
  return record('dev.tokenbroker.run.ended.v1', data, time)
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
      audience: 'https://deploy.example.com',
      scope: ['deploy:staging'],
      namespace: 'payments',
      serviceAccount: 'deployer',
      podUid: 'pod-1',
      runUid: 'run-1',
      expiresAt: minutes(5),
      isRevoked: false,
    })
    expect(book.grantsOfRun('run-1')).toEqual([book.grant('j1')])
    expect(book.grantsOfRun('task-run-1')).toEqual([])
    expect(book.grant('j2')).toBeUndefined()
  })

  it('takes a TaskRun that stands alone for the run, and a pod without run for none', () => {
    const book = bookOf(
      granted('j1', { run: { assurance: 'none', task_run_uid: 'task-run-9' } }),
      granted('j2', { run: { assurance: 'none' } }),
    )

    expect(book.grantsOfRun('task-run-9')).toHaveLength(1)
    expect(book.grant('j2')?.runUid).toBeUndefined()
  })

  it('marks what was revoked, by token and by run alike', () => {
    const book = bookOf(granted('j1'), granted('j2'), revoked('j1', 'unknown'))

    expect(book.grant('j1')?.isRevoked).toBe(true)
    expect(book.grantsOfRun('run-1').map(({ isRevoked }) => isRevoked)).toEqual([true, false])
  })

  it('withdraws everything of a run that ends', () => {
    const other = { assurance: 'none', pipeline_run_uid: 'run-2' } as const
    const book = bookOf(granted('j1'), granted('j2', { run: other }), authorized('a1'), ended('run-1'))

    expect(book.isRunEnded('run-1')).toBe(true)
    expect(book.isRunEnded('run-2')).toBe(false)
    expect(book.grant('j1')?.isRevoked).toBe(true)
    expect(book.grant('j2')?.isRevoked).toBe(false)
    expect(book.authorizationsOfRun('run-1')).toEqual([])
  })

  it('takes a grant that was under way when its run ended for revoked, and no authorisation', () => {
    const book = bookOf(ended('run-1'), granted('j1'), authorized('a1'))

    expect(book.grant('j1')?.isRevoked).toBe(true)
    expect(book.authorizationsOfRun('run-1')).toEqual([])
  })

  it('knows the authorisations of a run', () => {
    const book = bookOf(authorized('a1'), authorized('a2'))

    expect(book.authorizationsOfRun('run-1')).toHaveLength(2)
    expect(book.authorizationsOfRun('run-1')[0]).toEqual({
      id: 'a1',
      digest: 'd'.repeat(64),
      cluster: 'prod',
      namespace: 'payments',
      runUid: 'run-1',
      policyUid: 'policy-1',
      policyGeneration: 3,
      provider: 'builtin',
      audience: 'https://deploy.example.com',
      scope: ['deploy:staging'],
      into: [{ task: 'deploy', serviceAccount: 'deployer' }],
      expiresAt: minutes(60),
    })
  })

  it('does not take up what expired before it was read', () => {
    const book = bookOf(granted('j1', {}, start), authorized('a1', { authorization_expires_at: start.toISOString() }))

    expect(book.grant('j1')).toBeUndefined()
    expect(book.authorizationsOfRun('run-1')).toEqual([])
  })

  it('forgets what expired, and ends of runs after a day', () => {
    const book = bookOf(granted('j1'), granted('j2', {}, minutes(10)), authorized('a1'), ended('run-2'))

    book.sweep(minutes(5))
    expect(book.grant('j1')).toBeUndefined()
    expect(book.grantsOfRun('run-1').map(({ jti }) => jti)).toEqual(['j2'])
    expect(book.authorizationsOfRun('run-1')).toHaveLength(1)
    expect(book.isRunEnded('run-2')).toBe(true)

    book.sweep(minutes(24 * 60))
    expect(book.grantsOfRun('run-1')).toEqual([])
    expect(book.authorizationsOfRun('run-1')).toEqual([])
    expect(book.isRunEnded('run-2')).toBe(false)
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

    expect(book.grantsOfRun('run-1')).toEqual([])
    expect(book.authorizationsOfRun('run-1')).toEqual([])
    expect(book.isRunEnded('run-1')).toBe(false)
  })
})
