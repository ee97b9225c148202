import { describe, expect, it } from 'vitest'
import { agentsConfig, createNameAgents } from '../../broker/agents.ts'
import { factsOf, run } from '../core/policy/policy-fixture.ts'

const initiator = {
  username: 'system:serviceaccount:ci:copilot',
  uid: undefined,
  kind: 'serviceaccount',
  isProved: true,
} as const
const found = { facts: factsOf({ run: { ...run, initiator } }), into: [] }

function named(agents: object) {
  return createNameAgents(agentsConfig.parse(agents))(found).facts.agent
}

describe('agents of the configuration', () => {
  it.each([
    [{ serviceAccounts: [{ namespace: 'payments', serviceAccount: 'deployer' }] }],
    [{ serviceAccounts: [{ cluster: 'main', namespace: 'payments', serviceAccount: 'deployer' }] }],
    [{ serviceAccounts: [{ namespace: 'ci', serviceAccount: 'copilot' }] }],
    [{ groups: ['system:serviceaccounts:ci'] }],
    [{ initiators: [initiator.username] }],
  ])('%j name it', (agents) => {
    expect(named(agents)).toEqual({ namedBy: 'configuration' })
  })

  it.each([
    [{}],
    [{ serviceAccounts: [{ cluster: 'other', namespace: 'payments', serviceAccount: 'deployer' }] }],
    [{ serviceAccounts: [{ namespace: 'other', serviceAccount: 'deployer' }] }],
    [{ groups: ['system:serviceaccounts:other'] }],
    [{ initiators: ['jane'] }],
  ])('%j do not', (agents) => {
    expect(named(agents)).toBeUndefined()
  })
})
