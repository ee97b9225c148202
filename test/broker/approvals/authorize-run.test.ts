import { describe, expect, it } from 'vitest'
import { authorizeRun, type IntoTask } from '../../../broker/approvals/authorize-run.ts'
import { noRun } from '../../../core/identity/run.ts'
import type { Facts } from '../../../core/policy/allowance.ts'
import { evaluate } from '../../../core/policy/evaluate.ts'
import { accessTo, candidateOf, factsOf, policyOf, providerOf, run } from '../../core/policy/policy-fixture.ts'
import { problemOf } from '../../core/reason-of.ts'
import { issuedAt } from '../exchange-fixture.ts'

const deploy: IntoTask = { task: 'deploy', serviceAccount: 'deployer' }
const notify: IntoTask = { task: 'notify', serviceAccount: 'deployer' }

function authorize(changes: Partial<Facts> = {}, into: readonly IntoTask[] = [deploy, notify]) {
  return authorizeRun(evaluate(factsOf(changes)), into, { id: 'authorization-1', clock: () => issuedAt })
}

function digest(changes: Partial<Facts> = {}, into?: readonly IntoTask[]): string {
  return authorize(changes, into).digest
}

describe('authorizeRun', () => {
  it('names what was allowed, and the tasks in order', () => {
    expect(authorize({}, [notify, deploy])).toMatchObject({
      id: 'authorization-1',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      into: [deploy, notify],
    })
  })

  it('ends with the run, or after a day where the run says no end', () => {
    const deadline = new Date('2026-03-01T12:30:00Z')

    expect(authorize({ run: { ...run, deadline } }).expiresAt).toEqual(deadline)
    expect(authorize().expiresAt).toEqual(new Date('2026-03-02T12:00:00Z'))
  })

  it('refuses a pod that no run made', () => {
    const problem = problemOf(() => authorize({ run: noRun }))

    expect(problem.reason).toBe('parameter_invalid')
    expect(problem.mend).toContain('Only a run')
  })

  it('has the same digest however tasks and scopes are ordered, and whichever pod or CustomRun asks', () => {
    const scopes = ['deploy:production', 'deploy:staging']
    const wide = (order: readonly string[]) => ({ candidates: [candidateOf({ scopes: order, rbac: accessTo(order) })] })
    const elsewhere = { ...run, taskRun: { name: 'x', uid: 'y' }, customRun: { name: 'x', uid: 'y' }, task: 'token' }

    expect(digest({}, [notify, deploy])).toBe(digest({}, [deploy, notify]))
    expect(digest(wide(scopes))).toBe(digest(wide(scopes.toReversed())))
    expect(digest({ run: elsewhere })).toBe(digest())
  })

  const scopes = ['deploy:production']
  it.each<[string, Partial<Facts>, (readonly IntoTask[])?]>([
    ['cluster', { subject: { ...factsOf().subject, cluster: 'other' } }],
    ['namespace', { subject: { ...factsOf().subject, namespace: 'other' } }],
    ['run', { run: { ...run, pipelineRun: { name: 'release-1', uid: 'another' } } }],
    ['TaskRun that stands alone', { run: { ...run, pipelineRun: undefined } }],
    ['policy', { candidates: [candidateOf({ policy: { ...policyOf(), uid: 'another' } })] }],
    ['generation of the policy', { candidates: [candidateOf({ policy: { ...policyOf(), generation: 4 } })] }],
    ['provider', { candidates: [candidateOf({ provider: providerOf({}, 'okta') })] }],
    ['scopes', { candidates: [candidateOf({ scopes, rbac: accessTo(scopes) })] }],
    ['ttl', { candidates: [candidateOf({ policy: policyOf({ ttl: '1m' }) })] }],
    ['task', {}, [deploy]],
    ['account of a task', {}, [{ ...deploy, serviceAccount: 'other' }, notify]],
  ])('has another digest for another %s', (_what, changes, into) => {
    expect(digest(changes, into)).not.toBe(digest())
  })

  it('has another digest for another audience', () => {
    const audience = 'https://other.example.com'
    const candidates = [candidateOf({ policy: policyOf({ audience }) })]

    expect(digest({ candidates, request: { ...factsOf().request, audience } })).not.toBe(digest())
  })
})
