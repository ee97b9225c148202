import { describe, expect, it } from 'vitest'
import type { Outcome } from '../../broker/answer.ts'
import type { Known } from '../../broker/known.ts'
import { createBrokerMetrics } from '../../broker/metrics.ts'
import { createObserve } from '../../broker/observe.ts'
import { createLog } from '../../core/io/log.ts'
import type { Allowance } from '../../core/policy/allowance.ts'
import { Problem, type ProblemReason } from '../../core/problem.ts'
import {
  accessToken,
  exchangeId,
  gatheredOf,
  grantOf,
  issued,
  issuedAt,
  reference,
  workload,
} from './exchange-fixture.ts'
import { grantWith, pipelineRun } from './providers/grant-fixture.ts'

const { allowance } = grantWith()
const incoming = { door: 'token', body: `subject_token=${accessToken}`, peerAddress: '10.0.0.1' } as const
const nobody: Known = { exchangeId, startedAt: issuedAt, incoming }
const { facts, into } = gatheredOf()
const known: Known = {
  ...nobody,
  requester: { kind: 'pod', workload },
  gathered: { facts: { ...facts, run: pipelineRun }, into },
  allowance,
}

function observed(about: Known, outcome: Outcome) {
  const lines: Record<string, unknown>[] = []
  const log = createLog({
    name: 'broker',
    level: 'debug',
    destination: { write: (line: string) => void lines.push(JSON.parse(line)) },
  })
  const metrics = createBrokerMetrics({ version: '0' })
  const clock = () => new Date(issuedAt.getTime() + 25)
  createObserve({ log, metrics, clock })(about, outcome)
  return { lines, text: JSON.stringify(lines), registry: metrics.registry }
}

function refusal(reason: ProblemReason, detail = 'what happened'): Outcome {
  return { kind: 'refused', problem: new Problem(reason, { detail }), exchangeId, isJwtBearer: false }
}

const granted: Outcome = { kind: 'granted', grant: grantOf(allowance as Allowance), issued }

describe('createObserve', () => {
  it('says of a grant who got what, in one line without a credential', () => {
    const { lines, text } = observed(known, granted)

    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({
      level: 'info',
      msg: 'exchange decided',
      outcome: 'granted',
      exchange_id: exchangeId,
      door: 'token',
      namespace: 'payments',
      service_account: 'deployer',
      pod: 'release-1-deploy-pod',
      pipeline_run: 'release-7x',
      task_run: 'release-7x-deploy',
      policy: 'deploy-staging',
      provider: 'builtin',
      audience: 'https://deploy.example.com',
      scope: 'deploy:staging image:push',
      duration_ms: 25,
    })
    for (const part of accessToken.split('.').slice(1)) expect(text).not.toContain(part)
  })

  it('names the namespace of the CustomRun that the controller asks for', () => {
    const requester = {
      kind: 'customrun',
      workload: { ...workload, namespace: 'tokenbroker-system' },
      reference,
    } as const

    expect(observed({ ...known, requester }, granted).lines[0]).toMatchObject({ namespace: 'payments' })
  })

  it.each<[string, ProblemReason, Known, string, string]>([
    ['a policy that says no', 'rbac_denied', known, 'info', 'exchange decided'],
    ['a request of nobody that is known', 'malformed_request', nobody, 'debug', 'exchange refused'],
    ['something that is down', 'kubernetes_unavailable', known, 'warn', 'exchange failed'],
    ['something that is down, for nobody', 'kubernetes_unavailable', nobody, 'warn', 'exchange failed'],
    ['a bug', 'internal_error', known, 'error', 'exchange failed'],
  ])('has a level for %s', (_what, reason, about, level, msg) => {
    const { lines } = observed(about, refusal(reason))

    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({ level, msg, reason, detail: 'what happened', exchange_id: exchangeId })
  })

  it('counts and times each decision by labels that are closed sets', async () => {
    const one = observed(known, refusal('rbac_denied')).registry
    const other = observed(known, granted).registry

    expect(await one.getSingleMetricAsString('tokenbroker_exchanges_total')).toContain(
      'tokenbroker_exchanges_total{door="token",outcome="denied",reason="rbac_denied"} 1',
    )
    expect(await other.getSingleMetricAsString('tokenbroker_exchanges_total')).toContain(
      'tokenbroker_exchanges_total{door="token",outcome="granted",reason="granted"} 1',
    )
    const durations = await other.getSingleMetricAsString('tokenbroker_exchange_duration_seconds')
    expect(durations).toContain('tokenbroker_exchange_duration_seconds_sum{door="token",outcome="granted"} 0.025')
    expect(durations).toContain('{le="0.01",door="token",outcome="granted"} 0')
    expect(durations).toContain('{le="0.025",door="token",outcome="granted"} 1')
  })
})
