import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AgentBudgets, createAgentBudgets } from '../../../broker/audit/agent-budgets.ts'
import type { AgentGrant, Budget, Ledger } from '../../../broker/audit/grant-book.ts'
import { GENESIS, sealRecord } from '../../../core/audit/chain.ts'
import type { AuditData, AuditRecord, AuditType } from '../../../core/audit/event.ts'
import { broker } from '../../core/audit/chain-fixture.ts'

const startMs = Date.parse('2026-08-18T10:00:00.000Z')
const hourMs = 3600 * 1000

/** A pod of a run that asks for a scope under a policy. */
interface Ask {
  readonly run: string
  readonly pod: string
  readonly scope: string
  readonly policy: string
}

const ask: Ask = { run: 'r1', pod: 'p1', scope: 's1', policy: 'a' }

function grantOf({ run, pod, scope, policy }: Ask, exchangeId: string): AgentGrant {
  return {
    exchangeId,
    cluster: 'main',
    namespace: 'payments',
    serviceAccount: 'copilot',
    holder: `${run}-${pod}`,
    run: `main/payments/PipelineRun/${run}/uid-${run}`,
    policyUid: policy,
    provider: 'builtin',
    audience: 'https://deploy.example.com',
    scope: [scope],
  }
}

function sealed(type: AuditType, data: AuditData, atMs: number): AuditRecord {
  const position = { previous: GENESIS, sequence: 1, chainUid: 'c', id: 'e', source: '/s', broker } as const
  const entry = { type, subject: 'payments/run', time: new Date(atMs), data }
  return sealRecord(entry, { ...position, durability: 'memory' }).record
}

/** What the journal says once the grant is durable. */
function recordOf(one: Ask, exchangeId: string, atMs: number, change: Partial<AuditData> = {}): AuditRecord {
  const { namespace, serviceAccount, cluster, holder, policyUid, provider, audience, scope } = grantOf(one, exchangeId)
  const time = new Date(atMs).toISOString()
  return sealed(
    'dev.tokenbroker.exchange.granted.v1',
    {
      outcome: 'granted',
      reason: 'granted',
      exchange_id: exchangeId,
      agent_named_by: 'policy',
      subject: { cluster, namespace, service_account: serviceAccount, pod_uid: holder },
      run: { assurance: 'claimed', pipeline_run: one.run, pipeline_run_uid: `uid-${one.run}` },
      policy: { name: 'p', namespace, uid: policyUid, generation: 1, provider, provider_generation: 1 },
      token: { jti: exchangeId, issuer: 'i', audience, scope, issued_at: time, expires_at: time },
      ...change,
    },
    atMs,
  )
}

function ended(run: string, atMs: number): AuditRecord {
  const data: AuditData = {
    outcome: 'info',
    reason: 'revoked_by_controller',
    subject: { cluster: 'main', namespace: 'payments', service_account: '' },
    run: { assurance: 'claimed', pipeline_run: run, pipeline_run_uid: `uid-${run}` },
  }
  return sealed('dev.tokenbroker.run.ended.v1', data, atMs)
}

function limits(policy: Budget = {}, provider: Budget = {}): Readonly<Record<Ledger, Budget>> {
  return { policy, provider }
}

/** A book with a clock of its own, and exchanges by number. */
function world(options: { maxRuns?: number } = {}) {
  let nowMs = startMs
  let count = 0
  const budgets = createAgentBudgets({ clock: () => new Date(nowMs), ...options })
  return {
    budgets,
    pass: (ms: number) => {
      nowMs += ms
      budgets.sweep(new Date(nowMs))
    },
    /** @returns whether it was granted, or what was spent */
    exchange(one: Ask, budget: Readonly<Record<Ledger, Budget>>, change: Partial<AuditData> = {}) {
      count += 1
      const spent = budgets.reserve(grantOf(one, `x${count}`), budget)
      if (spent === undefined) budgets.apply(recordOf(one, `x${count}`, nowMs, change))
      return spent ?? 'granted'
    },
    nowMs: () => nowMs,
  }
}

describe('a budget for each run', () => {
  it('counts grants, and no renewals in the same pod', () => {
    const { exchange } = world()
    const budget = limits({ perRun: 2 })

    expect(exchange(ask, budget)).toBe('granted')
    expect(exchange({ ...ask, pod: 'p2' }, budget)).toBe('granted')
    for (const pod of ['p1', 'p2', 'p1']) expect(exchange({ ...ask, pod }, budget)).toBe('granted')
    const spent = { ledger: 'policy', per: 'run', limit: 2 }
    expect(exchange({ ...ask, pod: 'p3' }, budget)).toEqual(spent)
    expect(exchange({ ...ask, scope: 's2' }, budget)).toEqual(spent)
    expect(exchange({ ...ask, run: 'r2' }, budget)).toBe('granted')
  })

  it('of a policy counts under that policy, of a provider under all of them', () => {
    const { exchange } = world()
    exchange(ask, limits())

    expect(exchange({ ...ask, policy: 'b' }, limits({ perRun: 1 }))).toBe('granted')
    expect(exchange({ ...ask, policy: 'c' }, limits({}, { perRun: 2 }))).toMatchObject({ ledger: 'provider' })
  })

  it('is whole again for nobody before the run has ended or was quiet for a week', () => {
    const { exchange, pass, budgets, nowMs } = world()
    const budget = limits({ perRun: 1 })
    exchange(ask, budget)
    pass(6 * 24 * hourMs)
    expect(exchange({ ...ask, pod: 'p2' }, budget)).toMatchObject({ per: 'run' })

    budgets.apply(ended('r1', nowMs()))
    expect(exchange({ ...ask, pod: 'p2' }, budget)).toBe('granted')
    pass(7 * 24 * hourMs)
    expect(exchange({ ...ask, pod: 'p3' }, budget)).toBe('granted')
  })

  it('forgets the run that was quiet longest where there are too many', () => {
    const { exchange } = world({ maxRuns: 2 })
    const budget = limits({ perRun: 1 })
    for (const run of ['r1', 'r2', 'r1', 'r3']) exchange({ ...ask, run }, budget)

    expect(exchange({ ...ask, pod: 'p2' }, budget)).toMatchObject({ per: 'run' })
    expect(exchange({ ...ask, run: 'r2', pod: 'p2' }, budget)).toBe('granted')
  })

  it('takes a pod that no run made for a run of its own', () => {
    const { budgets } = world()
    const alone = (exchangeId: string, scope: string) => ({
      ...grantOf(ask, exchangeId),
      run: undefined,
      scope: [scope],
    })

    expect(budgets.reserve(alone('x1', 's1'), limits({ perRun: 1 }))).toBeUndefined()
    expect(budgets.reserve(alone('x2', 's2'), limits({ perRun: 1 }))).toMatchObject({ per: 'run' })
    expect(budgets.reserve({ ...alone('x3', 's2'), holder: 'p2' }, limits({ perRun: 1 }))).toBeUndefined()
  })

  it('knows the holder of a Secret by the CustomRun', () => {
    const { budgets, nowMs } = world()
    const subject = { cluster: 'main', namespace: 'payments', service_account: 'copilot' }
    const run = { assurance: 'claimed', pipeline_run: 'r1', pipeline_run_uid: 'uid-r1', custom_run_uid: 'c1' } as const
    budgets.apply(recordOf(ask, 'x1', nowMs(), { subject, run }))
    const again = { ...grantOf(ask, 'x2'), holder: 'c1' }

    expect(budgets.reserve(again, limits({ perRun: 1 }))).toBeUndefined()
    expect(budgets.reserve({ ...again, holder: 'c2' }, limits({ perRun: 1 }))).toMatchObject({ per: 'run' })
  })

  it('counts nothing that was not granted to an agent', () => {
    const { budgets, exchange, nowMs } = world()
    const { agent_named_by: _named, ...data } = recordOf(ask, 'x', nowMs()).data
    budgets.apply(sealed('dev.tokenbroker.exchange.granted.v1', data, nowMs()))
    budgets.apply(sealed('dev.tokenbroker.exchange.denied.v1', { ...data, agent_named_by: 'policy' }, nowMs()))

    expect(exchange({ ...ask, pod: 'p2' }, limits({ perRun: 1 }))).toBe('granted')
  })
})

describe('a budget for each hour', () => {
  it('counts what a ServiceAccount got in any run in the hour before', () => {
    const { exchange, pass } = world()
    const budget = limits({ perHour: 2 })
    expect(exchange(ask, budget)).toBe('granted')
    pass(hourMs / 2)
    expect(exchange({ ...ask, run: 'r2' }, budget)).toBe('granted')
    expect(exchange({ ...ask, run: 'r3' }, budget)).toEqual({ ledger: 'policy', per: 'hour', limit: 2 })
    expect(exchange({ ...ask, run: 'r2' }, budget)).toBe('granted')

    pass(hourMs / 2)
    expect(exchange({ ...ask, run: 'r3' }, budget)).toMatchObject({ per: 'hour' })
    pass(1)
    expect(exchange({ ...ask, run: 'r3' }, budget)).toBe('granted')
    expect(exchange({ ...ask, run: 'r4' }, budget)).toMatchObject({ per: 'hour' })
  })

  it('is that of one ServiceAccount', () => {
    const { budgets } = world()
    budgets.reserve(grantOf(ask, 'x1'), limits({ perHour: 1 }))

    const other = { ...grantOf({ ...ask, run: 'r2' }, 'x2'), serviceAccount: 'other' }
    expect(budgets.reserve(other, limits({ perHour: 1 }))).toBeUndefined()
  })
})

describe('a place', () => {
  it('is taken at once, and given back when nothing comes of it', () => {
    const { budgets } = world()
    const budget = limits({ perRun: 1, perHour: 1 })
    const other = grantOf({ ...ask, pod: 'p2' }, 'x2')

    expect(budgets.reserve(grantOf(ask, 'x1'), budget)).toBeUndefined()
    expect(budgets.reserve(other, budget)).toMatchObject({ per: 'run' })
    budgets.release('x1')
    budgets.release('x1')
    expect(budgets.reserve(other, budget)).toBeUndefined()
  })

  it('is shared by equal requests, until the last of them has failed', () => {
    const { budgets } = world()
    const budget = limits({ perRun: 1 })
    for (const id of ['x1', 'x2']) expect(budgets.reserve(grantOf(ask, id), budget)).toBeUndefined()
    budgets.release('x1')

    const other = grantOf({ ...ask, pod: 'p2' }, 'x3')
    expect(budgets.reserve(other, budget)).toMatchObject({ per: 'run' })
    budgets.release('x2')
    expect(budgets.reserve(other, budget)).toBeUndefined()
  })

  it('that became a grant is not given back', () => {
    const { budgets, nowMs } = world()
    const budget = limits({ perRun: 1 })
    for (const id of ['x1', 'x2']) budgets.reserve(grantOf(ask, id), budget)
    budgets.apply(recordOf(ask, 'x1', nowMs()))
    budgets.release('x1')
    budgets.release('x2')

    expect(budgets.reserve(grantOf({ ...ask, pod: 'p2' }, 'x3'), budget)).toMatchObject({ per: 'run' })
  })
})

type Step =
  | { readonly do: 'ask'; readonly ask: Ask }
  /** The so many-th of those under way. */
  | { readonly do: 'grant' | 'fail'; readonly at: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'restart' }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('ask' as const),
        ask: fc.record({
          run: fc.constantFrom('r1', 'r2'),
          pod: fc.constantFrom('p1', 'p2', 'p3'),
          scope: fc.constantFrom('s1', 's2'),
          policy: fc.constantFrom('a', 'b'),
        }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('grant' as const, 'fail' as const), at: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: hourMs }) }) },
    { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  ),
  { maxLength: 60 },
)

describe('whatever happens beside one another', () => {
  const perRun = 2
  const perHour = 3
  const budget = limits({ perRun, perHour }, { perRun: 3, perHour: 4 })

  /** Plays the steps; the journal outlives the process, what is under way does not. */
  function play(all: readonly Step[]) {
    let nowMs = startMs
    let count = 0
    const clock = () => new Date(nowMs)
    const underWay: { readonly id: string; readonly ask: Ask }[] = []
    const journal: { readonly record: AuditRecord; readonly ask: Ask; readonly atMs: number }[] = []
    const replayed = (): AgentBudgets => {
      const made = createAgentBudgets({ clock })
      for (const { record } of journal) made.apply(record)
      return made
    }
    let budgets = replayed()
    const doing = {
      ask({ ask: one }: Extract<Step, { do: 'ask' }>) {
        count += 1
        const spent = budgets.reserve(grantOf(one, `x${count}`), budget)
        if (spent === undefined) underWay.push({ id: `x${count}`, ask: one })
      },
      grant({ at }: Extract<Step, { at: number }>) {
        for (const { id, ask: one } of underWay.splice(at % Math.max(1, underWay.length), 1)) {
          journal.push({ record: recordOf(one, id, nowMs), ask: one, atMs: nowMs })
          budgets.apply(recordOf(one, id, nowMs))
        }
      },
      fail({ at }: Extract<Step, { at: number }>) {
        for (const { id } of underWay.splice(at % Math.max(1, underWay.length), 1)) budgets.release(id)
      },
      pass({ ms }: Extract<Step, { do: 'pass' }>) {
        nowMs += ms
      },
      restart() {
        budgets = replayed()
        underWay.length = 0
      },
    }
    for (const step of all) doing[step.do](step as never)
    for (const { id } of underWay) budgets.release(id)
    return { journal, budgets, replayed: replayed() }
  }

  /** First grants of each holder: what counts. */
  function counted(journal: ReturnType<typeof play>['journal']) {
    const seen = new Set<string>()
    return journal.filter(({ ask }) => {
      const key = JSON.stringify(ask)
      return seen.has(key) ? false : seen.add(key) !== undefined
    })
  }

  it('never grants more than the budget, in a run or in any hour', () => {
    let most = 0
    fc.assert(
      fc.property(steps, (all) => {
        const grants = counted(play(all).journal)
        const by = (test: (ask: Ask) => boolean) => grants.filter((one) => test(one.ask))
        for (const run of ['r1', 'r2']) {
          for (const policy of ['a', 'b']) {
            const inRun = by((one) => one.run === run && one.policy === policy).length
            most = Math.max(most, inRun)
            expect(inRun).toBeLessThanOrEqual(perRun)
          }
          expect(by((one) => one.run === run).length).toBeLessThanOrEqual(3)
        }
        for (const { atMs } of grants) {
          const inHour = grants.filter((one) => one.atMs >= atMs && one.atMs <= atMs + hourMs)
          for (const policy of ['a', 'b']) {
            expect(inHour.filter((one) => one.ask.policy === policy).length).toBeLessThanOrEqual(perHour)
          }
          expect(inHour.length).toBeLessThanOrEqual(4)
        }
      }),
      { numRuns: 400 },
    )
    expect(most).toBe(perRun)
  })

  it('is the same after a restart as before it', () => {
    const probes = ['r1', 'r2', 'r3'].flatMap((run) =>
      ['p1', 'p9'].flatMap((pod) => ['a', 'b', 'c'].map((policy) => ({ run, pod, scope: 's1', policy }))),
    )
    const answers = (budgets: AgentBudgets) =>
      probes.map((probe, at) => {
        const answer = budgets.reserve(grantOf(probe, `probe${at}`), budget)
        budgets.release(`probe${at}`)
        return answer
      })
    fc.assert(
      fc.property(steps, (all) => {
        const { budgets, replayed } = play(all)
        expect(answers(replayed)).toEqual(answers(budgets))
      }),
      { numRuns: 200 },
    )
  })
})
