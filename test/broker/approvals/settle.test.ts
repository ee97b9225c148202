import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { covers, createSettle, type SettleInput } from '../../../broker/approvals/settle.ts'
import type { RunAuthorization } from '../../../broker/audit/grant-book.ts'
import type { Allowance, Facts } from '../../../core/policy/allowance.ts'
import { evaluate } from '../../../core/policy/evaluate.ts'
import { candidateOf, factsOf, policyOf, run } from '../../core/policy/policy-fixture.ts'
import { problemOf } from '../../core/reason-of.ts'
import { exchangeId, issuedAt, workload } from '../exchange-fixture.ts'

const key = `main/payments/PipelineRun/${run.pipelineRun?.name}/${run.pipelineRun?.uid}`
const seconds = (count: number) => new Date(issuedAt.getTime() + count * 1000)

interface Book {
  readonly endedRuns?: readonly string[]
  readonly authorizations?: readonly RunAuthorization[]
}

function settle(
  changes: Partial<SettleInput> = {},
  { endedRuns = [], authorizations = [] }: Book = {},
  now = issuedAt,
) {
  const book = {
    apply: () => undefined,
    grant: () => undefined,
    grantsOfRun: () => [],
    liveGrants: () => [],
    sweep: () => undefined,
    approval: () => undefined,
    approvalsOfRun: () => [],
    isRunEnded: (name: string) => endedRuns.includes(name),
    liveRuns: () => [],
    authorizationsOfRun: (name: string) => authorizations.filter((one) => one.run === name),
  }
  return createSettle({ book, clock: () => now })({
    exchangeId,
    allowance: evaluate(factsOf()),
    workload,
    into,
    providerMaxSeconds: 3600,
    ...changes,
  })
}

function allowanceOf(changes: Partial<Facts> = {}): Allowance {
  return evaluate(factsOf(changes))
}

const into = [{ task: 'deploy', serviceAccount: 'deployer' }]

const authorization: RunAuthorization = {
  id: 'authorization-1',
  digest: 'd',
  cluster: 'main',
  namespace: 'payments',
  run: key,
  policyUid: 'uid-of-deploy',
  policyGeneration: 3,
  provider: 'builtin',
  audience: 'https://deploy.example.com',
  scope: ['deploy:staging', 'deploy:production'],
  into,
  ttlSeconds: 300,
  expiresAt: seconds(3600),
}

describe('createSettle', () => {
  it('grants what was allowed, from now until the policy ends it', () => {
    const allowance = allowanceOf()

    expect(settle({ allowance })).toEqual({
      exchangeId,
      allowance,
      workload,
      issuedAt,
      expiresAt: seconds(300),
      authorizationId: undefined,
    })
  })

  it.each<[string, Partial<SettleInput>, number]>([
    ['the provider', { providerMaxSeconds: 60 }, 60],
    ['the subject token', { workload: { ...workload, expiresAt: seconds(90) } }, 90],
    ['the deadline of the run', { allowance: allowanceOf({ run: { ...run, deadline: seconds(30) } }) }, 30],
    ['the subject token, in its last whole second', { workload: { ...workload, expiresAt: seconds(1) } }, 1],
    [
      'a ttl of one second',
      { allowance: allowanceOf({ candidates: [candidateOf({ policy: policyOf({ ttl: '1s' }) })] }) },
      1,
    ],
    ['the request', { allowance: allowanceOf({ request: { ...factsOf().request, requestedExpirySeconds: 10 } }) }, 10],
  ])('ends what %s ends first', (_what, changes, life) => {
    expect(settle(changes).expiresAt).toEqual(seconds(life))
  })

  it('rounds the end down to a whole second', () => {
    const now = new Date(issuedAt.getTime() + 999)

    expect(settle({}, {}, now).expiresAt).toEqual(seconds(300))
  })

  it('never lets a token outlive anything that ends it', () => {
    const life = fc.integer({ min: 1, max: 7200 })

    fc.assert(
      fc.property(life, life, life, fc.integer({ min: 0, max: 999 }), (token, deadline, provider, ms) => {
        const now = new Date(issuedAt.getTime() + ms)
        const input = {
          workload: { ...workload, expiresAt: seconds(token + 2) },
          allowance: allowanceOf({ run: { ...run, deadline: seconds(deadline + 2) } }),
          providerMaxSeconds: provider + 1,
        }
        const ends = [
          seconds(token + 2),
          seconds(deadline + 2),
          new Date(now.getTime() + (provider + 1) * 1000),
          new Date(now.getTime() + 300_000),
        ]
        const { expiresAt } = settle(input, {}, now)
        expect(ends.every((end) => expiresAt.getTime() <= end.getTime())).toBe(true)
        expect(expiresAt.getTime() % 1000).toBe(0)
      }),
    )
  })

  it.each<[string, Partial<SettleInput>, string]>([
    ['a run at its deadline', { allowance: allowanceOf({ run: { ...run, deadline: seconds(0) } }) }, 'run_ended'],
    ['a run beyond its deadline', { allowance: allowanceOf({ run: { ...run, deadline: seconds(-60) } }) }, 'run_ended'],
    [
      'a subject token in its last second',
      { workload: { ...workload, expiresAt: new Date(issuedAt.getTime() + 999) } },
      'subject_token_expired',
    ],
    ['a subject token that has ended', { workload: { ...workload, expiresAt: seconds(-1) } }, 'subject_token_expired'],
  ])('grants nothing to %s', (_what, changes, reason) => {
    expect(problemOf(() => settle(changes)).reason).toBe(reason)
  })

  it('blames a ttl of no time at all on the policy, not on the subject token', () => {
    const allowance = allowanceOf({ candidates: [candidateOf({ policy: policyOf({ ttl: '0s' }) })] })

    expect(problemOf(() => settle({ allowance })).reason).toBe('policy_not_ready')
  })

  it('grants nothing to a run whose end was reported, PipelineRun or TaskRun', () => {
    const alone = allowanceOf({ run: { ...run, pipelineRun: undefined } })

    expect(problemOf(() => settle({}, { endedRuns: [key] })).reason).toBe('run_ended')
    const aloneKey = `main/payments/TaskRun/${run.taskRun?.name}/${run.taskRun?.uid}`
    expect(problemOf(() => settle({ allowance: alone }, { endedRuns: [aloneKey] })).reason).toBe('run_ended')
    expect(settle({}, { endedRuns: ['another'] }).exchangeId).toBe(exchangeId)
  })

  it('grants to a pod without a run', () => {
    const none = allowanceOf({ run: { ...run, pipelineRun: undefined, taskRun: undefined } })

    expect(settle({ allowance: none, into: [] }, { authorizations: [authorization] }).authorizationId).toBeUndefined()
  })

  it('lets no token live longer than the authorisations of its task say, of which the shortest holds', () => {
    const authorizations = [undefined, 120, 40, 200].map((ttlSeconds) => ({ ...authorization, ttlSeconds }))
    const elsewhere = { ...authorization, ttlSeconds: 1, into: [{ task: 'notify', serviceAccount: 'deployer' }] }

    expect(settle({}, { authorizations: [...authorizations, elsewhere] }).expiresAt).toEqual(seconds(40))
    expect(settle({}, { authorizations: [elsewhere] }).expiresAt).toEqual(seconds(300))
    const further = { ...authorization, ttlSeconds: 1, scope: ['deploy:production'] }
    expect(settle({}, { authorizations: [further] }).expiresAt).toEqual(seconds(300))
    expect(settle({}, { authorizations: [{ ...authorization, ttlSeconds: 900 }] }).expiresAt).toEqual(seconds(300))
  })

  it('keeps to the ttl when the policy changed after the run was authorised', () => {
    const before = { ...authorization, ttlSeconds: 40, policyGeneration: 2 }
    const grant = settle({}, { authorizations: [before] })

    expect(grant).toMatchObject({ expiresAt: seconds(40), authorizationId: undefined })
  })

  it('names the authorisation of the run that covers it', () => {
    const others = [{ ...authorization, id: 'other', audience: 'https://other.example.com' }, authorization]

    expect(settle({}, { authorizations: others }).authorizationId).toBe('authorization-1')
    expect(settle({}, { authorizations: [{ ...authorization, run: 'another' }] }).authorizationId).toBeUndefined()
  })
})

describe('covers', () => {
  it('holds for the same target in a task that it goes into', () => {
    expect(covers(authorization, allowanceOf(), into)).toBe(true)
  })

  it.each<[string, Partial<RunAuthorization>]>([
    ['another cluster', { cluster: 'other' }],
    ['another namespace', { namespace: 'other' }],
    ['another policy', { policyUid: 'other' }],
    ['the policy as it was before', { policyGeneration: 2 }],
    ['another provider', { provider: 'okta' }],
    ['another audience', { audience: 'https://other.example.com' }],
    ['other scopes', { scope: ['deploy:production'] }],
    ['no scopes', { scope: [] }],
    ['another task', { into: [{ task: 'notify', serviceAccount: 'deployer' }] }],
    ['the task under another account', { into: [{ task: 'deploy', serviceAccount: 'other' }] }],
    ['no task', { into: [] }],
  ])('does not hold for %s', (_what, changes) => {
    expect(covers({ ...authorization, ...changes }, allowanceOf(), into)).toBe(false)
  })

  it('does not hold when one of several scopes is not covered', () => {
    const scopes = ['deploy:production', 'deploy:staging']
    const allowance = allowanceOf({ candidates: [candidateOf({ scopes })] })

    expect(covers(authorization, allowance, into)).toBe(true)
    expect(covers({ ...authorization, scope: ['deploy:staging'] }, allowance, into)).toBe(false)
  })

  it('holds for a Secret only when every task that mounts it is covered', () => {
    const notify = { task: 'notify', serviceAccount: 'deployer' }
    const wider = { ...authorization, into: [...into, notify] }

    expect(covers(wider, allowanceOf(), [...into, notify])).toBe(true)
    expect(covers(authorization, allowanceOf(), [...into, notify])).toBe(false)
  })

  it('holds for no task at all never', () => {
    expect(covers(authorization, allowanceOf(), [])).toBe(false)
  })
})
