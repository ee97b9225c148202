import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { namespace } from '../identity/identity-fixture.ts'
import { audience, type Broker, exchangeForm, startBroker, startRun } from './whole-app.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
  await policy('agents', {
    agents: { serviceAccounts: ['deployer'], approval: 'AsPolicy', ttl: '1m', budgetPerRun: 1 },
  })
  await policy('no-agents', {})
})
afterAll(async () => await broker[Symbol.asyncDispose]())

async function policy(name: string, spec: object): Promise<void> {
  broker.kube.objects.create({
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenPolicy',
    metadata: { name, namespace },
    spec: { audience, scopes: ['deploy:staging', 'deploy:production'], ...spec },
  })
  const { token } = startRun(broker.kube)
  const asked = async () => (await broker.post('/token', { ...exchangeForm(token), policy: name })).body['error']
  await vi.waitUntil(async () => (await asked()) !== 'invalid_request')
}

function asking(token: string, scope = 'deploy:staging') {
  return broker.post('/token', { ...exchangeForm(token), policy: 'agents', scope })
}

describe('an agent', () => {
  it('gets a short token that says so, renews it, and has its budget in each run', async () => {
    const { token } = startRun(broker.kube)

    const { status, body } = await asking(token)

    expect({ status, ...body }).toMatchObject({ status: 200, expires_in: 60, renewal: 'on_request' })
    expect(decodeJwt(String(body['access_token']))['agent']).toBe(true)
    const record = (await broker.records()).find(({ data }) => data.exchange_id === body['exchange_id'])
    expect(record?.data).toMatchObject({ outcome: 'granted', agent_named_by: 'policy' })
    expect((await asking(token)).status).toBe(200)

    const spent = await asking(token, 'deploy:production')
    expect(spent).toMatchObject({ status: 400, body: { error: 'access_denied' } })
    const refusal = (await broker.records()).at(-1)
    expect(refusal?.data).toMatchObject({
      reason: 'agent_budget_spent',
      detail: expect.stringContaining('budgetPerRun 1'),
    })
    const asked = { ...exchangeForm(token), policy: 'agents', scope: 'deploy:production' }
    expect((await broker.post('/explain', asked)).body).toMatchObject({
      decision: 'deny',
      reason: 'agent_budget_spent',
    })
    expect((await broker.post('/explain', { ...asked, scope: 'deploy:staging' })).body['decision']).toBe('allow')
    expect((await asking(startRun(broker.kube).token)).status).toBe(200)
  })

  it('has the last grant once, however many ask for it at the same time', async () => {
    const { token } = startRun(broker.kube)

    const answers = await Promise.all([
      asking(token, 'deploy:staging'),
      asking(token, 'deploy:production'),
      asking(token, 'deploy:production deploy:staging'),
    ])

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })
})

describe('whoever is no agent', () => {
  it('is told nothing of renewals, and its token says nothing of agents', async () => {
    const { token } = startRun(broker.kube)

    const { body } = await broker.post('/token', { ...exchangeForm(token), policy: 'no-agents' })

    expect(body).not.toHaveProperty('renewal')
    expect(decodeJwt(String(body['access_token']))).not.toHaveProperty('agent')
  })
})
