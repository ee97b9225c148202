import { runKey, runObject } from '../../core/identity/run.ts'
import type { Allowance } from '../../core/policy/allowance.ts'
import { Problem } from '../../core/problem.ts'
import type { AgentGrant, Budget, Ledger, SpentBudget } from '../audit/grant-book.ts'
import type { Settle, SettleInput } from './settle.ts'

/** Only what takes a place has to say which exchange it is. */
type Asked = Pick<SettleInput, 'allowance' | 'workload'> & Partial<Pick<SettleInput, 'exchangeId'>>

type AskBudgets = (grant: AgentGrant, budgets: Readonly<Record<Ledger, Budget>>) => SpentBudget | undefined

interface Deps {
  readonly settle: Settle
  readonly reserve: AskBudgets
}

/**
 * Looks before any person is asked: nobody decides about what an agent could not get anyhow.
 *
 * @throws Problem `agent_budget_spent`
 */
export function requireBudget(input: Asked, ask: AskBudgets): void {
  const { allowance } = input
  if (allowance.agent === undefined) return
  const spent = ask(agentGrantOf(input), budgetsOf(allowance))
  if (spent !== undefined) throw refusal(spent)
}

/**
 * Settles, and takes a place in the budgets of policy and provider where the grant is to an agent.
 *
 * @throws Problem `agent_budget_spent`, and what {@link Settle} throws
 */
export function createBudgetedSettle({ settle, reserve }: Deps): Settle {
  return function settleInBudget(input) {
    const grant = settle(input)
    requireBudget(input, reserve)
    return grant
  }
}

function agentGrantOf({ exchangeId = '', allowance, workload }: Asked): AgentGrant {
  const { subject, run, policy, provider, audience, scopes } = allowance
  const object = runObject(run)
  return {
    exchangeId,
    cluster: subject.cluster,
    namespace: subject.namespace,
    serviceAccount: subject.serviceAccounts.join(' '),
    // The pod that asks for a CustomRun is the controller's.
    holder: run.customRun?.uid ?? workload.pod.uid,
    run: object && runKey(subject, object),
    policyUid: policy.uid,
    provider: provider.name,
    audience,
    scope: scopes,
  }
}

function budgetsOf({ policy, provider }: Allowance): Readonly<Record<Ledger, Budget>> {
  return { policy: budgetOf(policy.spec.agents), provider: budgetOf(provider.spec.limits.agents) }
}

function budgetOf(
  block: { readonly budgetPerRun?: number | undefined; readonly budgetPerHour?: number | undefined } | undefined,
): Budget {
  return { perRun: block?.budgetPerRun, perHour: block?.budgetPerHour }
}

const mends = {
  run: 'This run had as many grants as an automated agent may have in one run: ask whoever writes the policy',
  hour: 'This ServiceAccount had as many grants as an automated agent may have in an hour: try again later',
} as const

function refusal({ ledger, per, limit }: SpentBudget): Problem {
  const field = per === 'run' ? 'budgetPerRun' : 'budgetPerHour'
  const place = ledger === 'policy' ? 'agents of the policy' : 'limits.agents of the provider'
  return new Problem('agent_budget_spent', { detail: `${field} ${limit} in ${place} is spent`, mend: mends[per] })
}
