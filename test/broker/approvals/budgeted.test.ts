import { describe, expect, it } from 'vitest'
import { createBudgetedSettle, requireBudget } from '../../../broker/approvals/budgeted.ts'
import type { SettleInput } from '../../../broker/approvals/settle.ts'
import type { AgentGrant, Budget, Ledger, SpentBudget } from '../../../broker/audit/grant-book.ts'
import type { Grant } from '../../../broker/providers/provider.ts'
import type { Facts } from '../../../core/policy/allowance.ts'
import { evaluate } from '../../../core/policy/evaluate.ts'
import { candidateOf, factsOf, policyOf, providerOf, run } from '../../core/policy/policy-fixture.ts'
import { problemOf } from '../../core/reason-of.ts'
import { exchangeId, workload } from '../exchange-fixture.ts'

const candidate = candidateOf({
  policy: policyOf({ agents: { approval: 'AsPolicy', budgetPerRun: 3 } }),
  provider: providerOf({ limits: { agents: { budgetPerHour: 20 } } }),
})

function inputOf(facts: Partial<Facts> = {}): SettleInput {
  const agent = { namedBy: 'configuration' } as const
  const allowance = evaluate(factsOf({ agent, candidates: [candidate], ...facts }))
  return { exchangeId, allowance, workload, into: [], providerMaxSeconds: 3600 }
}

function asking(spent?: SpentBudget) {
  const asked: [AgentGrant, Readonly<Record<Ledger, Budget>>][] = []
  const ask = (...one: (typeof asked)[number]) => {
    asked.push(one)
    return spent
  }
  return { asked, ask }
}

describe('createBudgetedSettle', () => {
  const grant = {} as Grant

  it('takes a place in the budgets of policy and provider, for the pod and its run', () => {
    const { asked, ask } = asking()

    expect(createBudgetedSettle({ settle: () => grant, reserve: ask })(inputOf())).toBe(grant)
    expect(asked).toEqual([
      [
        {
          exchangeId,
          cluster: 'main',
          namespace: 'payments',
          serviceAccount: 'deployer',
          holder: workload.pod.uid,
          run: `main/payments/PipelineRun/release-1/${run.pipelineRun?.uid}`,
          policyUid: 'uid-of-deploy',
          provider: 'builtin',
          audience: 'https://deploy.example.com',
          scope: ['deploy:staging'],
        },
        { policy: { perRun: 3, perHour: undefined }, provider: { perRun: undefined, perHour: 20 } },
      ],
    ])
  })

  it('takes it for the CustomRun where the controller asks for one', () => {
    const { asked, ask } = asking()
    createBudgetedSettle({ settle: () => grant, reserve: ask })(
      inputOf({ run: { ...run, customRun: { name: 'token', uid: 'custom-run-uid' } } }),
    )

    expect(asked[0]?.[0].holder).toBe('custom-run-uid')
  })

  it('takes none for whoever is no agent, and none where settling refuses', () => {
    const { asked, ask } = asking()
    createBudgetedSettle({ settle: () => grant, reserve: ask })(inputOf({ agent: undefined }))
    const refusing = () => {
      throw new TypeError('no')
    }

    expect(() => createBudgetedSettle({ settle: refusing, reserve: ask })(inputOf())).toThrow('no')
    expect(asked).toEqual([])
  })

  it.each([
    [{ ledger: 'policy', per: 'run', limit: 3 }, 'budgetPerRun 3 in agents of the policy', /ask whoever writes/],
    [{ ledger: 'provider', per: 'hour', limit: 20 }, 'budgetPerHour 20 in limits.agents of the provider', /later$/],
  ] as const)('refuses where %j is spent', (spent, detail, mend) => {
    const settle = createBudgetedSettle({ settle: () => grant, reserve: asking(spent).ask })

    expect(problemOf(() => settle(inputOf()))).toMatchObject({
      reason: 'agent_budget_spent',
      detail: `${detail} is spent`,
      mend: expect.stringMatching(mend),
    })
  })
})

describe('requireBudget', () => {
  it('refuses an agent before anybody is asked, and no one else', () => {
    const { ask } = asking({ ledger: 'policy', per: 'run', limit: 3 })

    const { exchangeId: _unknown, ...input } = inputOf()
    expect(problemOf(() => requireBudget(input, ask)).reason).toBe('agent_budget_spent')
    expect(requireBudget(inputOf({ agent: undefined }), ask)).toBeUndefined()
  })
})
