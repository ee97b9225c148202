import { describe, expect, it } from 'vitest'
import type { ProvidedInput, Rule } from '../../../core/policy/rule.ts'
import { accessRevoked } from '../../../core/policy/rules/access-revoked.ts'
import { audience } from '../../../core/policy/rules/audience.ts'
import { mode } from '../../../core/policy/rules/mode.ts'
import { rbac } from '../../../core/policy/rules/rbac.ts'
import { runIsAlive } from '../../../core/policy/rules/run-is-alive.ts'
import { scopes } from '../../../core/policy/rules/scopes.ts'
import { secretDelivery } from '../../../core/policy/rules/secret-delivery.ts'
import { serviceAccounts } from '../../../core/policy/rules/service-accounts.ts'
import { suspended } from '../../../core/policy/rules/suspended.ts'
import { rules } from '../../../core/policy/rules.ts'
import { accessTo, factsOf, policyOf, providerOf, run } from './policy-fixture.ts'
import { inputOf } from './rule-input.ts'

function subjectOf(...names: readonly string[]): ProvidedInput['subject'] {
  return { cluster: 'main', namespace: 'payments', namespaceLabels: {}, serviceAccounts: names }
}

const noAudience = { ...factsOf().request, audience: undefined }
const toSecret = { ...factsOf().request, deliver: 'secret' } as const
const withSecrets = { limits: { maxTTL: '15m', secretDelivery: true } }
const allowed = accessTo(['deploy:staging'])
const refused = allowed.map((access) => ({ ...access, isAllowed: false }))

const nothingAgainst: readonly (readonly [Rule, string, Partial<ProvidedInput>])[] = [
  [audience, 'the audience of the policy', {}],
  [audience, 'a request that leaves the audience to the policy', { request: noAudience }],
  [scopes, 'a scope of the policy', {}],
  [scopes, 'every scope of the policy', { scopes: ['deploy:staging', 'deploy:production'] }],
  [scopes, 'a scope that a glob means', { policy: policyOf({ scopes: ['deploy:*'] }) }],
  [scopes, 'a scope that a glob of the provider means', { provider: providerOf({ scopes: ['deploy:*'] }) }],
  [serviceAccounts, 'a policy that names no ServiceAccounts', {}],
  [
    serviceAccounts,
    'a ServiceAccount that the policy names',
    { policy: policyOf({ serviceAccounts: ['x', 'deployer'] }) },
  ],
  [rbac, 'a scope that RBAC allows', {}],
  [
    rbac,
    'several accounts that RBAC allows',
    { subject: subjectOf('a', 'b'), rbac: accessTo(['deploy:staging'], ['a', 'b']) },
  ],
  [rbac, 'answers about more than was asked', { rbac: [...allowed, ...accessTo(['other'], ['another'])] }],
  [secretDelivery, 'a token that goes into no Secret', {}],
  [secretDelivery, 'a Secret where the provider allows it', { request: toSecret, provider: providerOf(withSecrets) }],
  [runIsAlive, 'a run that goes on', {}],
  [accessRevoked, 'an account that nobody suspended', {}],
  [suspended, 'a policy that is not suspended', {}],
  [mode, 'mode Enforce', {}],
]

const against: readonly (readonly [Rule, string, Partial<ProvidedInput>, string])[] = [
  [
    audience,
    'another audience',
    { policy: policyOf({ audience: 'https://other.example.com' }) },
    'audience_not_allowed',
  ],
  [
    audience,
    'an audience with another ending',
    { policy: policyOf({ audience: `${factsOf().request.audience}/` }) },
    'audience_not_allowed',
  ],
  [
    audience,
    'an audience that the provider does not list',
    { provider: providerOf({ audiences: ['https://other.example.com'] }) },
    'audience_not_allowed',
  ],
  [
    audience,
    'a policy for an audience that the provider does not list, where the request names none',
    { request: noAudience, provider: providerOf({ audiences: ['https://other.example.com'] }) },
    'audience_not_allowed',
  ],
  [scopes, 'a scope beyond the policy', { scopes: ['deploy:staging', 'image:push'] }, 'scope_not_allowed'],
  [scopes, 'a scope in another case', { scopes: ['Deploy:staging'] }, 'scope_not_allowed'],
  [scopes, 'a prefix of a scope', { scopes: ['deploy'] }, 'scope_not_allowed'],
  [
    scopes,
    'a scope of the policy that the provider does not have',
    { provider: providerOf({ scopes: ['image:push'] }) },
    'scope_not_allowed',
  ],
  [scopes, 'no scope, where the policy has no default', { scopes: [] }, 'scope_not_allowed'],
  [
    scopes,
    'a glob that is asked for',
    {
      scopes: ['deploy:*'],
      policy: policyOf({ scopes: ['deploy:*'] }),
      provider: providerOf({ scopes: ['deploy:*'] }),
    },
    'scope_not_allowed',
  ],
  [
    scopes,
    'a scope that only the policy has a glob for',
    { scopes: ['deploy:dev'], policy: policyOf({ scopes: ['deploy:*'] }) },
    'scope_not_allowed',
  ],
  [
    serviceAccounts,
    'a ServiceAccount that the policy does not name',
    { policy: policyOf({ serviceAccounts: ['other'] }) },
    'service_account_not_allowed',
  ],
  [
    serviceAccounts,
    'one of several that the policy does not name',
    { subject: subjectOf('deployer', 'builder'), policy: policyOf({ serviceAccounts: ['deployer'] }) },
    'service_account_not_allowed',
  ],
  [rbac, 'a scope that RBAC refuses', { rbac: refused }, 'rbac_denied'],
  [rbac, 'a scope that RBAC was not asked about', { rbac: [] }, 'rbac_denied'],
  [
    rbac,
    'one of several scopes that RBAC refuses',
    { scopes: ['deploy:production', 'deploy:staging'], rbac: [...refused, ...accessTo(['deploy:production'])] },
    'rbac_denied',
  ],
  [
    rbac,
    'one of several accounts that RBAC refuses',
    { subject: subjectOf('deployer', 'builder'), rbac: allowed },
    'rbac_denied',
  ],
  [rbac, 'an answer about another account', { rbac: accessTo(['deploy:staging'], ['builder']) }, 'rbac_denied'],
  [
    secretDelivery,
    'a Secret where the provider does not allow it',
    { request: toSecret },
    'secret_delivery_not_allowed',
  ],
  [runIsAlive, 'a run that has ended', { run: { ...run, hasEnded: true } }, 'run_ended'],
  [
    accessRevoked,
    'a suspended account',
    { subject: { ...subjectOf('a'), suspendedAccounts: ['a'] } },
    'access_revoked',
  ],
  [suspended, 'a suspended policy', { policy: policyOf({ suspend: true }) }, 'policy_suspended'],
  [suspended, 'a suspended provider', { provider: providerOf({ suspend: true }) }, 'policy_suspended'],
  [mode, 'mode DryRun', { policy: policyOf({ mode: 'DryRun' }) }, 'policy_dry_run'],
]

describe('rules', () => {
  it.each(nothingAgainst)('$name has nothing against %s', (rule, _what, changes) => {
    expect(rule.check(inputOf(changes))).toBeUndefined()
  })

  it.each(against)('$name is against %s', (rule, _what, changes, reason) => {
    const refusal = rule.check(inputOf(changes))

    expect(refusal?.reason).toBe(reason)
    expect(refusal?.detail).toMatch(/\S/)
  })

  it('are in an order that lets the last refusal mean: everything else would have allowed it', () => {
    expect(rules.map((rule) => rule.name)).toEqual([
      'audience',
      'provider-namespace',
      'scopes',
      'service-accounts',
      'rbac',
      'secret-delivery',
      'run-is-alive',
      'access-revoked',
      'suspended',
      'ttl-enforceable',
      'runs-assurance',
      'limits-require',
      'runs-source',
      'runs-pod-template',
      'runs-pipelines',
      'runs-event-listeners',
      'agents',
      'agent-scopes',
      'validations',
      'mode',
    ])
  })

  it('have names for records and metrics, and explanations for people', () => {
    for (const { name, explain } of rules) {
      expect(name).toMatch(/^[a-z]+(?:-[a-z]+)*$/)
      expect(explain).toMatch(/^[A-Z].*\.$/)
    }
  })

  it('name in the detail what RBAC refused, for the operator', () => {
    const two = { subject: subjectOf('deployer', 'builder'), rbac: accessTo(['deploy:staging']) }

    expect(rbac.check(inputOf(two))?.detail).toBe('RBAC refuses builder on builtin:deploy:staging')
  })
})
