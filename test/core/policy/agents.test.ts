import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Initiator, noRun, type Run } from '../../../core/identity/run.ts'
import { type AgentNames, agentUnder, isNamedAgent } from '../../../core/policy/agents.ts'
import type { Allowance, CompiledValidation, Facts } from '../../../core/policy/allowance.ts'
import { evaluate } from '../../../core/policy/evaluate.ts'
import { agentScopes } from '../../../core/policy/rules/agent-scopes.ts'
import { agents } from '../../../core/policy/rules/agents.ts'
import { validations } from '../../../core/policy/rules/validations.ts'
import { Problem } from '../../../core/problem.ts'
import { candidateOf, factsOf, policyOf, providerOf, run } from './policy-fixture.ts'
import { inputOf } from './rule-input.ts'

function startedBy(username: string): Run {
  const kind: Initiator['kind'] = username.startsWith('system:') ? 'serviceaccount' : 'person'
  return { ...run, initiator: { username, uid: undefined, kind, isProved: true } }
}

const botRun: Run = {
  ...run,
  event: {
    id: 'e-1',
    sender: 'forge',
    kind: 'github',
    eventListener: { namespace: 'ci', name: 'github' },
    trigger: { namespace: 'ci', name: 'push' },
    bodyDigest: 'a'.repeat(64),
    receivedAt: new Date(0),
    login: 'copilot[bot]',
    person: undefined,
    fields: { isBot: true },
  },
}
const markedRun: Run = { ...run, isMarkedAgent: true }
const configured = { namedBy: 'configuration' } as const

describe('isNamedAgent', () => {
  it.each<[string, AgentNames, Run]>([
    ['its ServiceAccount', { serviceAccounts: ['x/y', 'payments/deployer'] }, run],
    ['the group of its namespace', { groups: ['system:serviceaccounts:payments'] }, run],
    ['the group of all ServiceAccounts', { groups: ['system:serviceaccounts'] }, run],
    ['the group of everybody', { groups: ['system:authenticated'] }, run],
    ['the person who made the run', { initiators: ['jane'] }, startedBy('jane')],
    [
      'the user name of a ServiceAccount',
      { initiators: ['system:serviceaccount:ci:bot'] },
      startedBy('system:serviceaccount:ci:bot'),
    ],
    [
      'the ServiceAccount that made the run',
      { serviceAccounts: ['ci/bot'] },
      startedBy('system:serviceaccount:ci:bot'),
    ],
    [
      'the ServiceAccount whose run an event gave to a person',
      { serviceAccounts: ['ci/bot'] },
      { ...startedBy('jane'), maker: 'system:serviceaccount:ci:bot' },
    ],
    [
      'the group of who made the run',
      { groups: ['system:serviceaccounts:ci'] },
      startedBy('system:serviceaccount:ci:bot'),
    ],
  ])('knows one by %s', (_, names, of) => {
    expect(isNamedAgent(names, { subject: factsOf().subject, run: of })).toBe(true)
  })

  it.each<[string, AgentNames, Run]>([
    ['nobody is named', {}, run],
    ['nobody is named in any list', { serviceAccounts: [], groups: [], initiators: [] }, run],
    ['another account is', { serviceAccounts: ['payments/other', 'other/deployer', 'deployer'] }, startedBy('joe')],
    ['another group is', { groups: ['system:serviceaccounts:other', 'payments', 'system:masters'] }, startedBy('joe')],
    ['another initiator is', { initiators: ['jane', 'deployer'] }, startedBy('joe')],
    ['no run made the pod', { initiators: ['jane'] }, noRun],
    ['a person has the name of an account', { serviceAccounts: ['ci/bot'] }, startedBy('ci/bot')],
  ])('knows none where %s', (_, names, of) => {
    expect(isNamedAgent(names, { subject: factsOf().subject, run: of })).toBe(false)
  })

  it.each<[string, AgentNames]>([
    ['an account', { serviceAccounts: ['ci/bot'] }],
    ['a group', { groups: ['system:serviceaccounts:ci'] }],
    ['an initiator', { initiators: ['copilot'] }],
  ])('takes a run that nobody is known to have made for one where %s is named', (_, names) => {
    const { subject } = factsOf()

    expect(isNamedAgent(names, { subject, run })).toBe(true)
    expect(isNamedAgent(names, { subject, run: { ...run, maker: 'joe' } })).toBe(false)
  })

  it('knows one by any of the accounts that a token is for', () => {
    const subject = { ...factsOf().subject, serviceAccounts: ['a', 'b'] }

    expect(isNamedAgent({ serviceAccounts: ['payments/b'] }, { subject, run })).toBe(true)
  })
})

describe('agentUnder', () => {
  const named = { serviceAccounts: ['payments/deployer'] }
  const ofPolicy = policyOf({ agents: { serviceAccounts: ['deployer'] } })
  const ofProvider = providerOf({ limits: { agents: named } })

  it.each([
    ['the configuration', configured, ofPolicy, ofProvider, botRun, 'configuration'],
    ['its provider', undefined, ofPolicy, ofProvider, botRun, 'provider'],
    ['its policy', undefined, ofPolicy, providerOf(), botRun, 'policy'],
    ['its event', undefined, policyOf(), providerOf(), { ...botRun, isMarkedAgent: true }, 'event'],
    ['an annotation', undefined, policyOf(), providerOf(), markedRun, 'annotation'],
    ['nobody', undefined, policyOf({ agents: {} }), providerOf({ limits: { agents: {} } }), run, undefined],
  ] as const)('is named by %s', (_, agent, policy, provider, of, namedBy) => {
    const facts = { ...factsOf({ run: of }), agent }

    expect(agentUnder(facts, { policy, provider })?.namedBy).toBe(namedBy)
  })

  it('takes a policy to name accounts of its own namespace only', () => {
    const subject = { ...factsOf().subject, namespace: 'other' }

    expect(
      agentUnder({ ...factsOf({ run: startedBy('joe') }), subject }, { policy: ofPolicy, provider: providerOf() }),
    ).toBeUndefined()
  })
})

describe('rules for agents', () => {
  const agent = configured
  const allowing = policyOf({ agents: {} })

  it('refuse an agent where the policy has no block for agents, and nobody else', () => {
    expect(agents.check(inputOf({ agent }))).toMatchObject({ reason: 'agent_not_allowed' })
    expect(agents.check(inputOf({ agent, provider: providerOf({ limits: { agents: {} } }) }))).toBeDefined()
    expect(agents.check(inputOf({ agent, policy: allowing }))).toBeUndefined()
    expect(agents.check(inputOf())).toBeUndefined()
  })

  it('say that nothing says who made the run, where that is why', () => {
    const byProvider = { namedBy: 'provider' } as const

    expect(agents.check(inputOf({ agent: byProvider }))?.mend).toMatch(/^Nothing says who made this run/)
    expect(agents.check(inputOf({ agent: byProvider, run: startedBy('joe') }))?.mend).toBeUndefined()
    expect(agents.check(inputOf({ agent: { namedBy: 'annotation' } }))?.mend).toBeUndefined()
  })

  it.each([
    [{}, undefined, true],
    [{ scopes: ['deploy:*'] }, undefined, true],
    [{ scopes: ['deploy:production'] }, undefined, false],
    [{}, { scopes: ['image:push'] }, false],
    [{ scopes: ['deploy:staging'] }, { scopes: ['deploy:staging', 'x'] }, true],
    [{ scopes: ['deploy:staging'] }, { scopes: ['x'] }, false],
  ])('keep to the scopes of policy %j and provider %j', (ofPolicy, ofProvider, isAllowed) => {
    const policy = policyOf({ agents: ofPolicy })
    const provider = ofProvider === undefined ? providerOf() : providerOf({ limits: { agents: ofProvider } })

    expect(agentScopes.check(inputOf({ agent, policy, provider })) === undefined).toBe(isAllowed)
    expect(agentScopes.check(inputOf({ policy, provider }))).toBeUndefined()
  })

  it('let no expression about agents believe a run that calls itself one, or believe that it is none', () => {
    const onlyAgents = expressionOf((isAgent) => isAgent)
    const noAgents = expressionOf((isAgent) => !isAgent)
    const verdict = (namedBy: 'configuration' | 'annotation' | undefined, validation: CompiledValidation) => {
      const policy = { ...allowing, validations: [validation] }
      return validations.check(inputOf({ agent: namedBy && { namedBy }, policy }))?.reason
    }

    expect(verdict('configuration', onlyAgents)).toBeUndefined()
    expect(verdict('configuration', noAgents)).toBe('validation_failed')
    expect(verdict(undefined, noAgents)).toBeUndefined()
    expect(verdict('annotation', onlyAgents)).toBe('validation_failed')
    expect(verdict('annotation', noAgents)).toBe('validation_failed')
  })
})

describe('evaluate', () => {
  const decided = (policy: object, limits: object = {}, facts: Partial<Facts> = {}) =>
    evaluate(
      factsOf({
        agent: configured,
        candidates: [candidateOf({ policy: policyOf(policy), provider: providerOf({ limits }) })],
        ...facts,
      }),
    )

  it.each([
    [{ agents: { ttl: '2m' } }, {}, 120],
    [{ agents: { ttl: '20m' } }, {}, 300],
    [{ agents: {} }, { agents: { ttl: '1m' } }, 60],
    [{ agents: { ttl: '2m' } }, { agents: { ttl: '90s' } }, 90],
  ])('gives an agent of policy %j and limits %j no longer life than any of them', (policy, limits, seconds) => {
    expect(decided(policy, limits).ttlSeconds).toBe(seconds)
    expect(decided(policy, limits, { agent: undefined }).ttlSeconds).toBe(300)
  })

  it.each([
    ['by default', {}, {}, ['agents']],
    ['where the policy is content', { approval: 'AsPolicy' }, {}, []],
    ['where the provider is not', { approval: 'AsPolicy' }, { agents: { approval: 'Always' } }, ['agents']],
    ['where the provider asks already', {}, { require: [{ approval: { groups: ['g'] } }] }, ['provider']],
  ] as const)('has a person asked about an agent %s', (_, block, limits, askedBy) => {
    expect(decided({ agents: block }, limits).approvals.map((need) => need.askedBy)).toEqual(askedBy)
    const none = decided({ agents: block }, limits, { agent: undefined }).approvals
    expect(none.map((need) => need.askedBy)).toEqual(askedBy.filter((by) => by !== 'agents'))
  })

  it('asks whom the policy asks, once', () => {
    const { approvals } = decided({ agents: {}, approval: { groups: ['release-managers'], required: 2 } })

    expect(approvals).toMatchObject([{ askedBy: 'policy', groups: ['release-managers'], required: 2 }])
  })

  it('says that the rules for agents applied, and who named it', () => {
    expect(decided({ agents: { serviceAccounts: ['deployer'] } }, {}, { agent: undefined }).agent).toEqual({
      namedBy: 'policy',
    })
    expect(decided({ agents: {} }, {}, { agent: undefined }).agent).toBeUndefined()
  })
})

interface World {
  readonly policies: readonly { readonly agents?: object; readonly approval?: object }[]
  readonly limits: { readonly agents?: object }
  readonly agent: Facts['agent']
  readonly isMarkedAgent: boolean
  readonly initiator: string
}

describe('any set of policies', () => {
  const block = fc.record(
    {
      approval: fc.constantFrom('Always', 'AsPolicy'),
      ttl: fc.constantFrom('1m', '4m', '20m'),
      scopes: fc.constantFrom(['deploy:*'], ['deploy:production'], ['deploy:staging']),
    },
    { requiredKeys: [] },
  )
  const names = fc.record(
    {
      serviceAccounts: fc.constantFrom(['deployer'], ['other']),
      groups: fc.constantFrom(['system:serviceaccounts:payments'], ['system:serviceaccounts:x']),
      initiators: fc.constantFrom(['jane'], ['joe']),
    },
    { requiredKeys: [] },
  )
  const policySpec = fc.record(
    { agents: fc.tuple(block, names).map((parts) => Object.assign({}, ...parts)), approval: fc.constant({}) },
    { requiredKeys: [] },
  )
  const worlds: fc.Arbitrary<World> = fc.record({
    policies: fc.array(policySpec, { minLength: 1, maxLength: 3 }),
    limits: fc.record({ agents: block }, { requiredKeys: [] }),
    agent: fc.option(fc.constant(configured), { nil: undefined }),
    isMarkedAgent: fc.boolean(),
    initiator: fc.constantFrom('jane', 'joe', 'ann'),
  })

  function decide({ policies, limits, agent, isMarkedAgent, initiator }: World): Allowance | undefined {
    const provider = providerOf({ limits })
    try {
      return evaluate(
        factsOf({
          agent,
          run: { ...startedBy(initiator), isMarkedAgent },
          candidates: policies.map((spec, at) => candidateOf({ policy: policyOf(spec, `p${at}`), provider })),
        }),
      )
    } catch (error) {
      if (error instanceof Problem) return undefined
      throw error
    }
  }

  /** As the first but less: nothing new is allowed, with no fewer people asked, and no longer under the same policy. */
  function isNoMore(less: Allowance | undefined, more: Allowance | undefined): boolean {
    if (less === undefined) return true
    if (more === undefined) return false
    const isAsked = less.approvals.length > 0 || more.approvals.length === 0
    return isAsked && (less.policy.name !== more.policy.name || less.ttlSeconds <= more.ttlSeconds)
  }

  function narrows(change: (world: World) => World): void {
    let grants = 0
    fc.assert(
      fc.property(worlds, (world) => {
        const [more, less] = [decide(world), decide(change(world))]
        if (less !== undefined) grants += 1
        return isNoMore(less, more)
      }),
      { numRuns: 500 },
    )
    expect(grants).toBeGreaterThan(20)
  }

  it('allows no more to whoever the configuration names an agent', () => {
    narrows((world) => ({ ...world, agent: configured }))
  })

  it('allows no more to a run that calls itself an agent', () => {
    narrows((world) => ({ ...world, isMarkedAgent: true }))
  })

  it('allows no more where a provider names everybody', () => {
    narrows((world) => ({
      ...world,
      limits: { agents: { ...world.limits.agents, groups: ['system:authenticated'] } },
    }))
  })

  it('allows no more where a policy names everybody in the block that it has', () => {
    narrows((world) => ({
      ...world,
      policies: world.policies.map((policy) =>
        policy.agents === undefined
          ? policy
          : { ...policy, agents: { ...policy.agents, groups: ['system:authenticated'] } },
      ),
    }))
  })

  it('allows no more where a provider narrows the scopes and the ttl of agents', () => {
    narrows((world) => ({
      ...world,
      limits: { agents: { scopes: ['deploy:staging'], ...world.limits.agents, ttl: '1m', approval: 'Always' } },
    }))
  })
})

/** A validation as CEL's `agent` and `!agent` would be. */
function expressionOf(isTrue: (isAgent: boolean) => boolean): CompiledValidation {
  return {
    ...{ name: 'about-agents', message: 'agents only', cost: 1 },
    check: ({ agent }) => (isTrue(agent === true) ? 'true' : 'false'),
  }
}
