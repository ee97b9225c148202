import { describe, expect, it } from 'vitest'
import { decide } from '../../broker/decide.ts'
import type { Requester } from '../../broker/known.ts'
import type { PolicyFacts } from '../../core/policy/allowance.ts'
import { Refused } from '../../core/policy/evaluate.ts'
import { problems } from '../../core/problem.ts'
import { accessTo, candidateOf, factsOf, policyOf } from '../core/policy/policy-fixture.ts'
import { problemOf } from '../core/reason-of.ts'
import { gatheredOf, workload } from './exchange-fixture.ts'

const uid = '22222222-2222-4222-8222-222222222222'
const forCustomRun: Requester = {
  kind: 'customrun',
  workload,
  reference: { namespace: 'payments', name: 'release-token', uid },
}
const into = [
  { task: 'build', serviceAccount: 'builder' },
  { task: 'deploy', serviceAccount: 'deployer' },
  { task: 'push', serviceAccount: 'builder' },
]
const serviceAccounts = ['builder', 'deployer']
const subject = { cluster: 'main', namespace: 'payments', namespaceLabels: {}, serviceAccounts }

function gathered(candidate: Partial<PolicyFacts>) {
  return gatheredOf({ facts: factsOf({ subject, candidates: [candidateOf(candidate)] }), into })
}

describe('decide', () => {
  it.each<[string, Partial<PolicyFacts>, keyof typeof problems]>([
    ['RBAC refuses', { rbac: accessTo(['deploy:staging'], ['deployer']) }, 'rbac_denied'],
    [
      'the policy does not name',
      { policy: policyOf({ serviceAccounts: ['deployer'] }), rbac: accessTo(['deploy:staging'], serviceAccounts) },
      'service_account_not_allowed',
    ],
  ])('names the tasks, with the ServiceAccount that %s, and the mend', (_what, candidate, reason) => {
    const problem = problemOf(() => decide(gathered(candidate), forCustomRun))

    expect(problem).toBeInstanceOf(Refused)
    expect(problem.reason).toBe(reason)
    expect(problem.mend).toBe(
      `${problems[reason].mend} (task build runs as ServiceAccount builder, task push runs as ServiceAccount builder)`,
    )
  })

  it('names the account of a gate, which goes into no task', () => {
    const gate = { ...gathered({ rbac: [] }), into: [] }

    expect(problemOf(() => decide(gate, forCustomRun)).mend).toMatch(
      / \(ServiceAccount builder, ServiceAccount deployer\)$/,
    )
  })

  it('names five tasks, and how many more there are', () => {
    const many = Array.from({ length: 8 }, (_, i) => ({ task: `t${i}`, serviceAccount: 'builder' }))
    const candidate = { rbac: accessTo(['deploy:staging'], ['deployer']) }

    const { mend } = problemOf(() => decide({ ...gathered(candidate), into: many }, forCustomRun))

    expect(mend.match(/task t\d/g)).toHaveLength(5)
    expect(mend).toMatch(/, and 3 more\)$/)
  })

  it('says nothing but the mend to a pod, and where the refusal is about no account', () => {
    const suspended = gathered({
      policy: policyOf({ suspend: true }),
      rbac: accessTo(['deploy:staging'], serviceAccounts),
    })

    expect(problemOf(() => decide(suspended, forCustomRun)).mend).toBe(problems.policy_suspended.mend)
    expect(problemOf(() => decide(gathered({ rbac: [] }), { kind: 'pod', workload })).mend).toBe(
      problems.rbac_denied.mend,
    )
  })

  it('says only what may stand in an error description', () => {
    const odd = { ...gathered({ rbac: [] }), into: [{ task: 'a"\\\n\u00e9', serviceAccount: 'builder' }] }

    expect(problemOf(() => decide(odd, forCustomRun)).mend).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
  })
})
