import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { describeExplanation, explain } from '../../broker/explanation.ts'
import type { Facts } from '../../core/policy/allowance.ts'
import { rules } from '../../core/policy/rules.ts'
import { accessTo, candidateOf, factsOf, policyOf } from '../core/policy/policy-fixture.ts'
import { workload } from './exchange-fixture.ts'

interface Told {
  readonly decision: string
  readonly reason?: string
  readonly scope?: string
  readonly candidates: readonly {
    readonly policy: string
    readonly decision: string
    readonly rules: readonly { readonly rule: string; readonly verdict: string; readonly mend?: string }[]
    readonly missing_role?: string
  }[]
}

const told = (changes: Partial<Facts> = {}) =>
  describeExplanation(explain({ facts: factsOf(changes), into: [] }, { kind: 'pod', workload })) as Told

describe('explain', () => {
  it('says what would be granted, and the verdict of every rule', () => {
    const { decision, scope, candidates } = told()

    expect({ decision, scope }).toEqual({ decision: 'allow', scope: 'deploy:staging' })
    expect(candidates[0]?.rules.map(({ rule, verdict }) => `${rule} ${verdict}`)).toEqual(
      rules.map(({ name }) => `${name} allow`),
    )
  })

  it('says the mend of every rule that refuses, not of the first alone', () => {
    const policy = policyOf({ suspend: true })
    const { decision, reason, candidates } = told({ candidates: [candidateOf({ policy, rbac: [] })] })

    expect({ decision, reason }).toEqual({ decision: 'deny', reason: 'rbac_denied' })
    const refusing = candidates[0]?.rules.filter(({ verdict }) => verdict === 'deny') ?? []
    expect(refusing.map(({ rule }) => rule)).toEqual(['rbac', 'suspended'])
    for (const { mend } of refusing) expect(mend).toMatch(/\w/)
  })

  it('has the missing Role and RoleBinding ready to apply', () => {
    const rbac = accessTo(['deploy:staging']).map((one) => ({ ...one, isAllowed: false }))
    const [candidate] = told({ candidates: [candidateOf({ rbac })] }).candidates

    const [role, binding] = parseAllDocuments(candidate?.missing_role ?? '').map((one) => one.toJS())
    expect(role).toMatchObject({
      kind: 'Role',
      metadata: { name: expect.stringMatching(/^deploy-[0-9a-f]{8}$/), namespace: 'payments' },
      rules: [{ resources: ['tokenscopes'], resourceNames: ['builtin:deploy:staging'], verbs: ['exchange'] }],
    })
    expect(binding).toMatchObject({
      kind: 'RoleBinding',
      roleRef: { kind: 'Role', name: role?.metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: 'deployer', namespace: 'payments' }],
    })
  })

  it('has no Role where the policy does not give the scope anyway', () => {
    const scopes = ['deploy:everything']
    const rbac = accessTo(scopes).map((one) => ({ ...one, isAllowed: false }))
    const request = { ...factsOf().request, scopes }

    expect(told({ request, candidates: [candidateOf({ scopes, rbac })] }).candidates[0]?.missing_role).toBeUndefined()
  })

  it('names no scope that the request does not name', () => {
    const scopes = ['deploy:staging', 'deploy:production']
    const rbac = accessTo(scopes).map((one) => ({ ...one, isAllowed: false }))
    const request = { ...factsOf().request, scopes: undefined }

    expect(told({ request, candidates: [candidateOf({ scopes, rbac })] }).candidates[0]?.missing_role).toBeUndefined()
  })

  it('tells of a policy on trial what it would do', () => {
    const candidates = [
      candidateOf({ policy: policyOf({ mode: 'DryRun' }, 'a') }),
      candidateOf({ policy: policyOf({ mode: 'DryRun' }, 'b'), rbac: [] }),
    ]

    expect(told({ candidates }).candidates.map(({ decision }) => decision)).toEqual(['would_grant', 'would_deny'])
  })

  it('knows what no policy says', () => {
    expect(told({ candidates: [] })).toMatchObject({ decision: 'deny', reason: 'policy_unknown', candidates: [] })
  })

  it('never says what a policy expects', () => {
    const secretName = fc.stringMatching(/^zz[a-z]{6}$/)
    fc.assert(
      fc.property(secretName, (name) => {
        const policy = policyOf({ serviceAccounts: [name], audience: `https://${name}.example.com`, scopes: [name] })

        expect(JSON.stringify(told({ candidates: [candidateOf({ policy })] }))).not.toContain(name)
      }),
    )
  })
})
