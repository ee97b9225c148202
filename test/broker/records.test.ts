import { describe, expect, it } from 'vitest'
import type { Known } from '../../broker/known.ts'
import { entryFor } from '../../broker/records.ts'
import { noRun } from '../../core/identity/run.ts'
import { parseExchangeRequest } from '../../core/oauth/exchange-request.ts'
import { parseForm } from '../../core/oauth/form.ts'
import { evaluate } from '../../core/policy/evaluate.ts'
import { Problem } from '../../core/problem.ts'
import { candidateOf, factsOf, policyOf, run } from '../core/policy/policy-fixture.ts'
import { problemOf } from '../core/reason-of.ts'
import {
  accessToken,
  authorizationOf,
  exchangeId,
  forms,
  gatheredOf,
  grantOf,
  issued,
  issuedAt,
  refusedFacts,
  requesterOf,
  subjectToken,
  workload,
} from './exchange-fixture.ts'

const now = new Date(issuedAt.getTime() + 12)

const subject = {
  cluster: 'main',
  namespace: 'payments',
  service_account: 'deployer',
  service_account_uid: 'sa-uid',
  pod: 'release-1-deploy-pod',
  pod_uid: 'pod-uid',
  node: 'node1',
  credential_id: 'credential-1',
}

const describedRun = {
  assurance: 'claimed',
  pipeline: 'release',
  pipeline_run: 'release-1',
  pipeline_run_uid: '11111111-1111-4111-8111-111111111111',
  task: 'deploy',
  task_run: 'release-1-deploy',
  task_run_uid: '33333333-3333-4333-8333-333333333333',
}

const describedPolicy = {
  name: 'deploy',
  namespace: 'payments',
  uid: 'uid-of-deploy',
  generation: 3,
  kind: 'TokenPolicy',
  provider: 'builtin',
  provider_generation: 2,
  rbac: [{ resource_name: 'builtin:deploy:staging', is_allowed: true }],
}

/** All that is known at the end of a request that goes well. */
function knownOf(body: string = forms.exchange(), changes: Partial<Known> = {}): Known {
  const request = parseExchangeRequest(parseForm(body))
  const gathered = gatheredOf()
  return {
    exchangeId,
    startedAt: issuedAt,
    incoming: { door: 'token', body, peerAddress: '10.0.0.7' },
    request,
    requester: requesterOf(request),
    gathered,
    allowance: evaluate(gathered.facts),
    ...changes,
  }
}

/** What is known of a request that could not be read. */
function bareKnown(body: string): Known {
  return { exchangeId, startedAt: issuedAt, incoming: { door: 'authorize', body, peerAddress: undefined } }
}

const allowance = evaluate(factsOf())

describe('the record of a request by an agent', () => {
  const facts = factsOf({ agent: { namedBy: 'configuration' } })

  it('says who named it, where it was refused as well', () => {
    const problem = problemOf(() => evaluate(facts))
    const { allowance: _none, ...before } = knownOf(forms.exchange(), { gathered: gatheredOf({ facts }) })

    expect(problem.reason).toBe('agent_not_allowed')
    expect(entryFor(before, { kind: 'refused', problem }, now).data.agent_named_by).toBe('configuration')
    const agent = { namedBy: 'policy' } as const
    const known = knownOf(forms.exchange(), { allowance: { ...allowance, agent } as typeof allowance })
    expect(entryFor(known, { kind: 'granted', grant: grantOf(allowance), issued }, now).data.agent_named_by).toBe(
      'policy',
    )
    expect(entryFor(knownOf(), { kind: 'granted', grant: grantOf(allowance), issued }, now).data).not.toHaveProperty(
      'agent_named_by',
    )
  })
})

describe('entryFor', () => {
  it('says who got what, why, and for which run', () => {
    const entry = entryFor(knownOf(), { kind: 'granted', grant: grantOf(allowance), issued }, now)

    expect(entry).toEqual({
      type: 'dev.tokenbroker.exchange.granted.v1',
      subject: 'payments/release-1',
      time: now,
      data: {
        outcome: 'granted',
        reason: 'granted',
        exchange_id: exchangeId,
        subject,
        run: describedRun,
        request: {
          door: 'token',
          grant_type: 'token-exchange',
          audience: 'https://deploy.example.com',
          scope: ['deploy:staging'],
          peer_address: '10.0.0.7',
        },
        policy: describedPolicy,
        token: {
          jti: exchangeId,
          issuer: 'https://broker.example.com',
          audience: 'https://deploy.example.com',
          scope: ['deploy:staging'],
          issued_at: '2026-03-01T12:00:00Z',
          expires_at: '2026-03-01T12:05:00Z',
        },
        revocation_check: 'token-review',
        duration_ms: 12,
      },
    })
  })

  it('says of an intent all but the token', () => {
    const { type, data } = entryFor(knownOf(), { kind: 'intended', grant: grantOf(allowance) }, now)

    expect(type).toBe('dev.tokenbroker.exchange.intended.v1')
    expect(data).toMatchObject({ outcome: 'intended', reason: 'intended', subject, policy: describedPolicy })
    expect(data).not.toHaveProperty('token')
  })

  it('names the authorisation that a token was granted under', () => {
    const grant = { ...grantOf(allowance), authorizationId: 'authorization-1' }

    expect(entryFor(knownOf(), { kind: 'intended', grant }, now).data.authorization_id).toBe('authorization-1')
    expect(entryFor(knownOf(), { kind: 'granted', grant, issued }, now).data.authorization_id).toBe('authorization-1')
  })

  it('says what was authorised, into which tasks, by which actor', () => {
    const facts = factsOf({
      run: {
        ...run,
        taskRun: undefined,
        customRun: { name: 'release-1-token', uid: 'customrun-uid' },
        initiator: { username: 'jane', uid: undefined, kind: 'person', isProved: false },
      },
      subject: { cluster: 'main', namespace: 'payments', namespaceLabels: {}, serviceAccounts: ['deployer'] },
    })
    const authorization = authorizationOf(evaluate(facts), [{ task: 'deploy', serviceAccount: 'deployer' }])
    const known = knownOf(forms.delegated(), { gathered: gatheredOf({ facts }) })

    const { type, data } = entryFor(known, { kind: 'authorized', authorization }, now)

    expect(type).toBe('dev.tokenbroker.exchange.authorized.v1')
    expect(data).toMatchObject({
      outcome: 'authorized',
      subject: { cluster: 'main', namespace: 'payments', service_account: 'deployer' },
      actor: subject,
      authorization_id: 'authorization-1',
      authorization_digest: 'd'.repeat(64),
      authorization_expires_at: '2026-03-01T13:00:00Z',
      authorization_ttl_seconds: 300,
      run: {
        custom_run: 'release-1-token',
        custom_run_uid: 'customrun-uid',
        initiator: 'jane',
        into: [{ task: 'deploy', service_account: 'deployer' }],
      },
    })
    expect(data.subject).not.toHaveProperty('pod')
  })

  it('says what the other policies said', () => {
    const facts = factsOf({
      candidates: [candidateOf(), candidateOf({ policy: policyOf({ suspend: true }, 'older') })],
    })
    const known = knownOf(forms.exchange(), { gathered: gatheredOf({ facts }), allowance: evaluate(facts) })

    const { data } = entryFor(known, { kind: 'granted', grant: grantOf(evaluate(facts)), issued }, now)

    expect(data.other_policies).toEqual([{ name: 'older', reason: 'policy_suspended' }])
  })

  it('names policy and rule of a denial', () => {
    const problem = problemOf(() => evaluate(refusedFacts))
    const known = knownOf(forms.exchange(), { gathered: gatheredOf({ facts: refusedFacts }) })
    const { allowance: _none, ...before } = known

    const { type, data } = entryFor(before, { kind: 'refused', problem }, now)

    expect(type).toBe('dev.tokenbroker.exchange.denied.v1')
    expect(data).toMatchObject({
      outcome: 'denied',
      reason: 'rbac_denied',
      detail: 'deploy: rbac: RBAC refuses deployer on builtin:deploy:staging',
      policy: { ...describedPolicy, rule: 'rbac', rbac: [] },
    })
  })

  it('knows no generation of a provider that does not exist', () => {
    const facts = factsOf({ candidates: [candidateOf({ provider: undefined })] })
    const problem = problemOf(() => evaluate(facts))

    const { data } = entryFor(knownOf(), { kind: 'refused', problem }, now)

    expect(data.policy).toMatchObject({ provider: 'builtin', provider_generation: 0, rule: 'provider-exists' })
  })

  it('says of a failure what was known when it happened', () => {
    const {
      allowance: _a,
      gathered: _g,
      ...before
    } = knownOf(forms.exchange({ requested_expiry: '60', policy: 'deploy' }))

    const entry = entryFor(before, { kind: 'refused', problem: new Problem('kubernetes_unavailable') }, now)

    expect(entry).toEqual({
      type: 'dev.tokenbroker.exchange.failed.v1',
      subject: 'payments/release-1-deploy-pod',
      time: now,
      data: {
        outcome: 'failed',
        reason: 'kubernetes_unavailable',
        exchange_id: exchangeId,
        subject,
        request: {
          door: 'token',
          grant_type: 'token-exchange',
          audience: 'https://deploy.example.com',
          scope: ['deploy:staging'],
          policy: 'deploy',
          requested_expiry_seconds: 60,
          peer_address: '10.0.0.7',
        },
        revocation_check: 'token-review',
        duration_ms: 12,
      },
    })
  })

  it('names the CustomRun of a failure before anything else is known of it', () => {
    const { allowance: _a, gathered: _g, ...before } = knownOf(forms.delegated())

    const { subject: line, data } = entryFor(
      before,
      { kind: 'refused', problem: new Problem('actor_not_allowed') },
      now,
    )

    expect(line).toBe('payments/release-1-token')
    expect(data.actor).toEqual(subject)
    expect(data.subject).toEqual({ cluster: 'main', namespace: 'payments', service_account: '' })
  })

  it('knows nothing of a request that could not be read but that it came', () => {
    const { subject: line, data } = entryFor(
      bareKnown(`a=${subjectToken}&a=1`),
      { kind: 'refused', problem: new Problem('malformed_request') },
      now,
    )

    expect(line).toBe('unknown')
    expect(data).toEqual({
      outcome: 'denied',
      reason: 'malformed_request',
      exchange_id: exchangeId,
      request: { door: 'authorize' },
      duration_ms: 12,
    })
  })

  it('leaves out what a pod without run and node does not have', () => {
    const facts = factsOf({ run: noRun })
    const { node: _node, ...elsewhere } = workload
    const known = knownOf(forms.exchange(), {
      gathered: gatheredOf({ facts }),
      requester: { kind: 'pod', workload: { ...elsewhere, node: undefined } as typeof workload },
    })

    const { subject: line, data } = entryFor(known, { kind: 'granted', grant: grantOf(evaluate(facts)), issued }, now)

    expect(line).toBe('payments/release-1-deploy-pod')
    expect(data.run).toEqual({ assurance: 'none' })
    expect(data.subject).not.toHaveProperty('node')
  })

  it('holds no token, whatever happened', () => {
    const grant = grantOf(allowance)
    const whats = [
      { kind: 'intended', grant },
      { kind: 'granted', grant, issued },
      { kind: 'authorized', authorization: authorizationOf(allowance, []) },
      { kind: 'refused', problem: new Problem('internal_error', { cause: new Error(subjectToken) }) },
    ] as const

    for (const form of [forms.exchange(), forms.bearer(), forms.delegated()]) {
      const written = JSON.stringify(whats.map((what) => entryFor(knownOf(form), what, now)))
      for (const part of [...subjectToken.split('.'), ...accessToken.split('.')]) expect(written).not.toContain(part)
      expect(written).not.toContain('[secret]')
    }
  })
})
