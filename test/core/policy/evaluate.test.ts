import { describe, expect, it } from 'vitest'
import type { Facts, PolicyFacts } from '../../../core/policy/allowance.ts'
import { evaluate, judge, Refused, trialVerdict } from '../../../core/policy/evaluate.ts'
import { rules } from '../../../core/policy/rules.ts'
import { problemOf } from '../reason-of.ts'
import { accessTo, audience, candidateOf, factsOf, policyOf, providerOf, run } from './policy-fixture.ts'

function named(name: string, spec: object, changes: Partial<PolicyFacts> = {}): PolicyFacts {
  return candidateOf({ policy: policyOf(spec, name), ...changes })
}

function refusedBy(facts: Facts): Refused {
  const problem = problemOf(() => evaluate(facts))
  if (problem instanceof Refused) return problem
  throw problem
}

describe('evaluate', () => {
  it('allows what nothing is said against, and says all that was asked', () => {
    const allowance = evaluate(factsOf())

    expect(allowance).toEqual({
      subject: { cluster: 'main', namespace: 'payments', namespaceLabels: {}, serviceAccounts: ['deployer'] },
      run,
      approvals: [],
      agent: undefined,
      policy: policyOf(),
      provider: providerOf(),
      audience,
      scopes: ['deploy:staging'],
      ttlSeconds: 300,
      rbac: accessTo(['deploy:staging']),
      verdicts: rules.map(({ name }) => ({ rule: name, isAllowed: true })),
      others: [],
    })
  })

  it('sorts the scopes and drops repeated ones', () => {
    const scopes = ['deploy:staging', 'deploy:production', 'deploy:staging']

    expect(evaluate(factsOf({ candidates: [candidateOf({ scopes })] })).scopes).toEqual([
      'deploy:production',
      'deploy:staging',
    ])
  })

  it.each<[string, object, object, number | undefined, number]>([
    ['the ttl of the policy', { ttl: '2m' }, {}, undefined, 120],
    ['the limit of the provider', { ttl: '1h' }, {}, undefined, 900],
    ['the limit of the provider, where it is lower than the default', {}, { limits: { maxTTL: '1m' } }, undefined, 60],
    ['what is asked for', {}, {}, 30, 30],
    ['the ttl of the policy, where more is asked for', {}, {}, 86_400, 300],
    ['nothing, where a ttl is no time at all', { ttl: '0s' }, {}, undefined, 0],
    ['nothing, where the limit is no time at all', {}, { limits: { maxTTL: '0m' } }, 30, 0],
  ])('limits the life to %s', (_what, policy, provider, requestedExpirySeconds, seconds) => {
    const request = { ...factsOf().request, requestedExpirySeconds }
    const candidates = [candidateOf({ policy: policyOf(policy), provider: providerOf(provider) })]

    expect(evaluate(factsOf({ request, candidates })).ttlSeconds).toBe(seconds)
  })

  it('takes the first candidate that allows, and says what the others said', () => {
    const candidates = [
      named('a', { suspend: true }),
      named('b', {}),
      named('c', {}),
      named('d', { mode: 'DryRun' }),
      named('e', {}, { provider: undefined }),
    ]

    const { policy, others } = evaluate(factsOf({ candidates }))

    expect(policy.name).toBe('b')
    expect(others).toEqual([
      { name: 'a', reason: 'policy_suspended' },
      { name: 'c', reason: 'allowed' },
      { name: 'd', reason: 'would_grant' },
      { name: 'e', reason: 'provider_unknown' },
    ])
  })

  it('knows no policy where there is no candidate', () => {
    const problem = problemOf(() => evaluate(factsOf({ candidates: [] })))

    expect(problem.reason).toBe('policy_unknown')
    expect(problem).not.toBeInstanceOf(Refused)
  })

  it('refuses a policy whose provider does not exist', () => {
    const refused = refusedBy(factsOf({ candidates: [candidateOf({ provider: undefined })] }))

    expect(refused.reason).toBe('provider_unknown')
    expect(refused.detail).toBe('deploy: provider-exists: provider builtin does not exist or is not usable')
  })

  it('lets the first refusal in the order of the rules decide', () => {
    const spec = { suspend: true, serviceAccounts: ['other'] }
    const refused = refusedBy(factsOf({ candidates: [named('a', spec, { rbac: [] })] }))

    expect(refused.reason).toBe('service_account_not_allowed')
    expect(refused.judgement.verdicts.filter((v) => !v.isAllowed).map((v) => v.rule)).toEqual([
      'service-accounts',
      'rbac',
      'suspended',
    ])
  })

  it.each<[string, object, PolicyFacts['rbac'], string]>([
    ['would grant', {}, accessTo(['deploy:staging']), 'would_grant'],
    ['would deny', {}, [], 'would_deny'],
  ])('answers policy_dry_run for a policy on trial that %s', (_what, spec, rbac, verdict) => {
    const refused = refusedBy(factsOf({ candidates: [named('a', { mode: 'DryRun', ...spec }, { rbac })] }))

    expect(refused.reason).toBe('policy_dry_run')
    expect(trialVerdict(refused.judgement)).toBe(verdict)
  })

  it('lets a policy on trial neither widen nor hide what one in force says', () => {
    const trial = named('a', { mode: 'DryRun' })

    expect(evaluate(factsOf({ candidates: [trial, named('b', {})] })).policy.name).toBe('b')
    expect(refusedBy(factsOf({ candidates: [trial, named('b', {}, { rbac: [] })] })).reason).toBe('rbac_denied')
  })

  it('refuses by the candidate that came furthest, whose mend is nearest', () => {
    const candidates = [
      named('a', { scopes: ['image:push'] }),
      named('b', { suspend: true }),
      named('c', { suspend: true }),
      named('d', {}, { rbac: [] }),
    ]

    const refused = refusedBy(factsOf({ candidates }))

    expect(refused.reason).toBe('policy_suspended')
    expect(refused.judgement.candidate.policy.name).toBe('b')
    expect(refused.detail).toBe('b: suspended: the policy is suspended')
  })

  it('tells the caller nothing of a policy', () => {
    const refused = refusedBy(factsOf({ candidates: [named('secret-name', { serviceAccounts: ['hidden'] })] }))

    expect(refused.mend).not.toMatch(/secret-name|hidden/)
  })
})

describe('judge', () => {
  it('keeps every verdict on every candidate', () => {
    const judgements = judge(
      factsOf({ candidates: [named('a', { mode: 'DryRun' }), candidateOf({ provider: undefined })] }),
    )

    expect(judgements.map((judgement) => judgement.verdicts.map((v) => `${v.rule} ${v.isAllowed}`))).toEqual([
      [...rules.slice(0, -1).map(({ name }) => `${name} true`), 'mode false'],
      ['provider-exists false'],
    ])
  })
})
