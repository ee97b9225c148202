import { randomUUID } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resources } from '../../../core/io/kube/api.ts'
import { problems } from '../../../core/problem.ts'
import { createForge, forgeryNames } from '../../fakes/kube/forge.ts'
import { audience as issuerUrl, namespace } from '../identity/identity-fixture.ts'
import { createCustomRun, succeeded } from '../identity/run-fixture.ts'
import {
  type Answered,
  audience,
  type Broker,
  customRunForm,
  exchangeForm,
  startBroker,
  startRun,
  tokenOf,
} from './whole-app.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker({
    limits: { burstPerPod: 10_000, requestsPerSecondPerPod: 10_000, burstPerNamespace: 10_000 },
  })
})
afterAll(async () => await broker[Symbol.asyncDispose]())

async function lastRecord() {
  return (await broker.records()).at(-1)
}

function without(answer: Answered, name: string): object {
  return Object.fromEntries(Object.entries(answer.body).filter(([key]) => key !== name))
}

async function granted(token: string): Promise<string> {
  const { status, body } = await broker.post('/token', exchangeForm(token))
  if (status !== 200) throw new Error(`refused: ${JSON.stringify(body)}`)
  return String(body['access_token'])
}

describe('POST /token', () => {
  it('exchanges the token of a pod for one that names its run', async () => {
    const { token, pipelineRun, taskRun } = startRun(broker.kube)

    const { status, body, headers } = await broker.post('/token', exchangeForm(token))

    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'deploy:staging' })
    expect(decodeJwt(String(body['access_token']))).toMatchObject({
      iss: issuerUrl,
      aud: audience,
      sub: 'system:serviceaccount:payments:deployer',
      scope: 'deploy:staging',
      jti: body['exchange_id'],
      namespace,
      pipeline_run: pipelineRun.metadata.name,
      pipeline_run_uid: pipelineRun.metadata.uid,
      task: 'deploy',
      task_run: taskRun.metadata.name,
      assurance: 'claimed',
    })
    expect(await lastRecord()).toMatchObject({
      type: 'dev.tokenbroker.exchange.granted.v1',
      data: { exchange_id: body['exchange_id'], request: { door: 'token', peer_address: '127.0.0.1' } },
    })
  })

  it('takes a policy in place of audience and scope, and jwt-bearer in place of token exchange', async () => {
    const { token } = startRun(broker.kube)
    const form = {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: token,
      policy: 'deploy-staging',
      requested_expiry: '60',
    }

    const { status, body } = await broker.post('/token', form)

    expect(status).toBe(200)
    expect(body).toMatchObject({ expires_in: 60, scope: 'deploy:production deploy:staging' })
  })

  it('answers every forgery alike, counts it, and records nothing of it', async () => {
    const { pod } = startRun(broker.kube)
    const options = { namespace, serviceAccount: 'deployer', pod: pod.metadata.name, audience: issuerUrl }
    const forge = await createForge(broker.kube, options)
    const before = (await broker.records()).length
    broker.counted.length = 0

    // A trailing line break is refused with the form already.
    const names = forgeryNames.filter((name) => name !== 'lineBreak')
    const tokens = names.map((name) => forge(name))
    const answers = await Promise.all(tokens.map((token) => broker.post('/token', exchangeForm(token))))

    for (const answer of answers) {
      expect(answer.status).toBe(400)
      expect(without(answer, 'exchange_id')).toEqual({
        error: 'invalid_request',
        error_description: problems.subject_token_signature.mend,
      })
    }
    expect(broker.counted).toHaveLength(names.length)
    expect((await broker.records()).length).toBe(before)
    const logged = broker.logLines.join('')
    for (const part of tokens.flatMap((token) => token.split('.')).filter((text) => text.length > 8)) {
      expect(logged).not.toContain(part)
    }
  })

  it('tells nobody whether a target is unknown or forbidden', async () => {
    const { token } = startRun(broker.kube)

    const unknown = await broker.post('/token', exchangeForm(token, { audience: 'https://nobody.example.com' }))
    const forbidden = await broker.post('/token', exchangeForm(token, { audience: 'https://forbidden.example.com' }))
    const policy = await broker.post('/token', exchangeForm(token, { policy: 'no-such-policy' }))

    expect(unknown.body['error']).toBe('invalid_target')
    expect(without(forbidden, 'exchange_id')).toEqual(without(unknown, 'exchange_id'))
    expect(without(policy, 'exchange_id')).toEqual(without(unknown, 'exchange_id'))
  })

  it.each([
    [
      'a scope that RBAC does not give',
      { scope: 'deploy:staging deploy:nothing' },
      'invalid_scope',
      'scope_not_allowed',
    ],
    [
      'another audience than that of the policy',
      { policy: 'deploy-staging', audience: 'https://x.example.com' },
      'invalid_target',
      'audience_not_allowed',
    ],
  ])('records that it denied %s', async (_what, changes, error, reason) => {
    const { token } = startRun(broker.kube)

    const { status, body } = await broker.post('/token', exchangeForm(token, changes))

    expect([status, body['error']]).toEqual([400, error])
    expect(await lastRecord()).toMatchObject({
      type: 'dev.tokenbroker.exchange.denied.v1',
      data: { reason, exchange_id: body['exchange_id'] },
    })
  })

  it('asks RBAC about the ServiceAccount of the pod', async () => {
    const { status, body } = await broker.post('/token', exchangeForm(tokenOf(broker.kube, 'builder')))

    expect([status, body['error']]).toEqual([400, 'invalid_scope'])
    expect(await lastRecord()).toMatchObject({
      data: { reason: 'rbac_denied', subject: { service_account: 'builder' } },
    })
  })

  it('refuses a run that has ended', async () => {
    const { token, pipelineRun } = startRun(broker.kube)
    const { name } = pipelineRun.metadata
    broker.kube.objects.patchStatus(resources.pipelineRuns, { namespace, name }, { conditions: succeeded })

    const { status, body } = await broker.post('/token', exchangeForm(token))

    expect([status, body['error']]).toEqual([400, 'access_denied'])
  })

  it('gives the controller no token for a CustomRun', async () => {
    const { pipelineRun } = startRun(broker.kube)
    const customRun = createCustomRun(broker.kube, pipelineRun)

    const { status, body } = await broker.post('/token', customRunForm(customRun, tokenOf(broker.kube, 'controller')))

    expect(status).toBe(400)
    expect(body).not.toHaveProperty('access_token')
    expect(body['error_description']).toContain('/authorize')
  })
})

describe('POST /authorize', () => {
  it('authorises a run for the controller, and its pod gets its token under that', async () => {
    const { pipelineRun, token } = startRun(broker.kube)
    const customRun = createCustomRun(broker.kube, pipelineRun)

    const authorized = await broker.post('/authorize', customRunForm(customRun, tokenOf(broker.kube, 'controller')))
    await granted(token)

    expect(authorized.status).toBe(200)
    expect(authorized.body).toMatchObject({ policy: 'deploy-staging', audience, expires_at: '2026-03-01T13:00:00Z' })
    expect(await lastRecord()).toMatchObject({
      type: 'dev.tokenbroker.exchange.granted.v1',
      data: { authorization_id: authorized.body['authorization_id'] },
    })
  })

  it('records under its own name who acts for a CustomRun and may not', async () => {
    const { pipelineRun } = startRun(broker.kube)
    const customRun = createCustomRun(broker.kube, pipelineRun)

    const { status, body } = await broker.post('/authorize', customRunForm(customRun, tokenOf(broker.kube, 'builder')))

    expect([status, body['error']]).toEqual([400, 'invalid_request'])
    expect(await lastRecord()).toMatchObject({
      data: { reason: 'actor_not_allowed', actor: { service_account: 'builder', pod: 'builder' } },
    })
  })

  it('counts an actor that proves nothing', async () => {
    const { pipelineRun, token } = startRun(broker.kube)
    const customRun = createCustomRun(broker.kube, pipelineRun)
    broker.counted.length = 0

    const { status, body } = await broker.post('/authorize', customRunForm(customRun, `${token.slice(0, -40)}`))

    expect([status, body['error_description']]).toEqual([400, problems.actor_token_refused.mend])
    expect(broker.counted).toEqual(['authorize actor_token_refused'])
  })

  it('lets the controller ask for nothing but what the CustomRun says', async () => {
    const { pipelineRun } = startRun(broker.kube)
    const form = customRunForm(createCustomRun(broker.kube, pipelineRun), tokenOf(broker.kube, 'controller'))

    const { status, body } = await broker.post('/authorize', { ...form, scope: 'deploy:production' })

    expect([status, body['error_description']]).toEqual([400, problems.custom_run_changed.mend])
  })
})

describe('POST /introspect', () => {
  it('tells a listed caller about a token for its audience', async () => {
    const accessToken = await granted(startRun(broker.kube).token)

    const { status, body } = await broker.post('/introspect', { token: accessToken }, tokenOf(broker.kube, 'gateway'))

    expect(status).toBe(200)
    expect(body).toMatchObject({ active: true, aud: audience, scope: 'deploy:staging', token_type: 'Bearer' })
  })

  it('tells it nothing about what is no token of ours', async () => {
    const bearer = tokenOf(broker.kube, 'gateway')

    const answers = await Promise.all(
      ['x', bearer, 'eyJ.eyJ.x'].map((token) => broker.post('/introspect', { token }, bearer)),
    )

    expect(answers.map(({ body }) => body)).toEqual([{ active: false }, { active: false }, { active: false }])
  })

  it.each<[string, () => string | undefined, number, string]>([
    ['no token', () => undefined, 401, 'invalid_client'],
    ['a token that is none', () => 'abc', 401, 'invalid_client'],
    ['a token that was changed', () => `${tokenOf(broker.kube, 'gateway').slice(0, -30)}`, 401, 'invalid_client'],
    ['an account that is not listed', () => tokenOf(broker.kube, 'builder'), 403, 'access_denied'],
  ])('refuses a caller with %s', async (_what, bearer, expected, error) => {
    const { status, body } = await broker.post('/introspect', { token: 'x' }, bearer())

    expect([status, body['error']]).toEqual([expected, error])
  })

  it('wants a token to be asked about', async () => {
    const { status, body } = await broker.post('/introspect', { tokem: 'x' }, tokenOf(broker.kube, 'gateway'))

    expect([status, body['error']]).toEqual([400, 'invalid_request'])
  })
})

describe('POST /revoke', () => {
  async function isActive(token: string): Promise<unknown> {
    return (await broker.post('/introspect', { token }, tokenOf(broker.kube, 'gateway'))).body['active']
  }

  it.each(['the pod that it was issued to', 'the controller'])('withdraws a token for %s, durably', async (who) => {
    const { token } = startRun(broker.kube)
    const accessToken = await granted(token)
    const bearer = who === 'the controller' ? tokenOf(broker.kube, 'controller') : token

    const before = await isActive(accessToken)
    const { status, body } = await broker.post('/revoke', { token: accessToken }, bearer)
    const record = await lastRecord()

    expect([before, status, body]).toEqual([true, 200, {}])
    expect(record).toMatchObject({
      type: 'dev.tokenbroker.token.revoked.v1',
      data: { revoked_tokens: [decodeJwt(accessToken).jti], outcome: 'info' },
    })
    expect(await isActive(accessToken)).toBe(false)
  })

  it('answers the same when there is nothing to revoke, and records nothing', async () => {
    const { token } = startRun(broker.kube)
    const accessToken = await granted(token)
    await broker.post('/revoke', { token: accessToken }, token)
    const before = (await broker.records()).length

    const again = await broker.post('/revoke', { token: accessToken }, token)
    const unknown = await broker.post('/revoke', { token: 'x' }, token)

    expect([again, unknown].map(({ status, body }) => [status, body])).toEqual([
      [200, {}],
      [200, {}],
    ])
    expect((await broker.records()).length).toBe(before)
  })

  it('withdraws nothing for another pod of the same account', async () => {
    const accessToken = await granted(startRun(broker.kube).token)

    const { status, body } = await broker.post('/revoke', { token: accessToken }, startRun(broker.kube).token)

    expect([status, body['error']]).toEqual([403, 'access_denied'])
    expect(await isActive(accessToken)).toBe(true)
  })
})

describe('POST /runs/end', () => {
  function runOf({ metadata: { name, uid } }: { readonly metadata: { readonly name: string; readonly uid: string } }) {
    return { run: `${namespace}/PipelineRun/${name}/${uid}` }
  }

  it('withdraws what was granted to a run that has ended, once', async () => {
    const { token, pipelineRun } = startRun(broker.kube)
    const accessToken = await granted(token)
    const { name } = pipelineRun.metadata
    const controller = tokenOf(broker.kube, 'controller')

    const tooEarly = await broker.post('/runs/end', runOf(pipelineRun), controller)
    broker.kube.objects.patchStatus(resources.pipelineRuns, { namespace, name }, { conditions: succeeded })
    const ended = await broker.post('/runs/end', runOf(pipelineRun), controller)
    expect(await lastRecord()).toMatchObject({
      type: 'dev.tokenbroker.run.ended.v1',
      data: {
        run: { pipeline_run: name, pipeline_run_uid: pipelineRun.metadata.uid },
        actor: { service_account: 'controller' },
      },
    })
    const count = (await broker.records()).length
    const again = await broker.post('/runs/end', runOf(pipelineRun), controller)

    expect([tooEarly.status, tooEarly.body['error']]).toEqual([400, 'invalid_request'])
    expect(ended).toMatchObject({ status: 200, body: { revoked: 1 } })
    expect(again.status).toBe(200)
    expect((await broker.records()).length).toBe(count)
    const introspected = await broker.post('/introspect', { token: accessToken }, tokenOf(broker.kube, 'gateway'))
    expect(introspected.body).toEqual({ active: false })
    expect((await broker.post('/token', exchangeForm(token))).body['error']).toBe('access_denied')
  })

  it('takes a run that is gone for one that has ended', async () => {
    const gone = { metadata: { name: 'gone', uid: randomUUID() } }

    const { status, body } = await broker.post('/runs/end', runOf(gone), tokenOf(broker.kube, 'controller'))

    expect([status, body['revoked']]).toEqual([200, 0])
    expect(await lastRecord()).toMatchObject({ type: 'dev.tokenbroker.run.ended.v1', subject: `${namespace}/gone` })
  })

  it('does not end a run that goes on when its end is told under another name, kind or namespace', async () => {
    const { token, pipelineRun } = startRun(broker.kube)
    const { uid, name } = pipelineRun.metadata
    const controller = tokenOf(broker.kube, 'controller')

    for (const run of [
      `${namespace}/PipelineRun/gone/${uid}`,
      `${namespace}/TaskRun/${name}/${uid}`,
      `other/PipelineRun/${name}/${uid}`,
    ]) {
      await broker.post('/runs/end', { run }, controller)
    }

    expect(await granted(token)).toBeTypeOf('string')
  })

  it('ends a TaskRun that stands alone', async () => {
    const { taskRun } = startRun(broker.kube)
    const { name, uid } = taskRun.metadata
    const run = { run: `${namespace}/TaskRun/${name}/${uid}` }
    const controller = tokenOf(broker.kube, 'controller')

    const tooEarly = await broker.post('/runs/end', run, controller)
    broker.kube.objects.patchStatus(resources.taskRuns, { namespace, name }, { conditions: succeeded })

    expect(tooEarly.status).toBe(400)
    expect((await broker.post('/runs/end', run, controller)).status).toBe(200)
    expect(await lastRecord()).toMatchObject({ data: { run: { task_run: name, task_run_uid: uid } } })
  })

  it.each(['builder', 'gateway'])('listens to the controller only, not to %s', async (account) => {
    const { pipelineRun } = startRun(broker.kube)

    const { status, body } = await broker.post('/runs/end', runOf(pipelineRun), tokenOf(broker.kube, account))

    expect([status, body['error']]).toEqual([403, 'access_denied'])
  })

  it.each([
    '',
    'x',
    'payments/Pod/a/22222222-2222-4222-8222-222222222222',
    'payments/PipelineRun/a/b',
    'payments/PipelineRun/a',
  ])('refuses the malformed run %j', async (run) => {
    const form: Record<string, string> = run === '' ? {} : { run }
    const { status, body } = await broker.post('/runs/end', form, tokenOf(broker.kube, 'controller'))

    expect([status, body['error']]).toEqual([400, 'invalid_request'])
  })
})

describe('the broker in trouble', () => {
  it('gives no token when the journal cannot be written', async () => {
    await using own = await startBroker()
    const { token } = startRun(own.kube)
    await own.journal.close(AbortSignal.timeout(1000))

    const { status, body, headers } = await own.post('/token', exchangeForm(token))

    expect([status, body['error']]).toEqual([503, 'temporarily_unavailable'])
    expect(headers.get('retry-after')).toMatch(/^\d+$/)
    expect(body).not.toHaveProperty('access_token')
    expect(own.counted).toEqual(['token audit_unavailable'])
  })

  it('revokes nothing when the journal cannot be written', async () => {
    await using own = await startBroker()
    const { token } = startRun(own.kube)
    const { body } = await own.post('/token', exchangeForm(token))
    await own.journal.close(AbortSignal.timeout(1000))

    const { status } = await own.post('/revoke', { token: String(body['access_token']) }, token)

    expect(status).toBe(503)
    expect(own.book.grant(String(body['exchange_id']))?.isRevoked).toBe(false)
  })

  it('decides nothing before policies are listed', async () => {
    await using own = await startBroker({ syncs: false })

    const { status, body } = await own.post('/token', exchangeForm(startRun(own.kube).token))

    expect([status, body['error']]).toEqual([503, 'temporarily_unavailable'])
    expect((await own.records()).at(-1)).toMatchObject({
      type: 'dev.tokenbroker.exchange.failed.v1',
      data: { reason: 'kubernetes_unavailable' },
    })
  })

  it.each(['tokenreviews', 'subjectaccessreviews', 'pods'])(
    'gives no token when %s get no answer',
    async (resource) => {
      await using own = await startBroker()
      const { token } = startRun(own.kube)
      own.kube.faults.next({ resource }, { kind: 'answer', status: 500 }, 20)

      const { status, body } = await own.post('/token', exchangeForm(token))

      expect([status, body['error']]).toEqual([503, 'temporarily_unavailable'])
      expect(own.logLines.join('')).not.toContain(token.split('.')[2])
    },
  )

  it('slows down a pod that floods, and no other', async () => {
    await using own = await startBroker({ limits: { burstPerPod: 3, requestsPerSecondPerPod: 1 } })
    const flooding = startRun(own.kube).token

    const statuses: number[] = []
    for (let i = 0; i < 5; i += 1) statuses.push((await own.post('/token', exchangeForm(flooding))).status)
    const other = await own.post('/token', exchangeForm(startRun(own.kube).token))

    expect(statuses).toEqual([200, 200, 200, 429, 429])
    expect(other.status).toBe(200)
    expect(own.counted).toEqual(['token rate_limited', 'token rate_limited'])
  })

  it('slows down a namespace that floods, but never the controller', async () => {
    await using own = await startBroker({ limits: { burstPerNamespace: 2, requestsPerSecondPerNamespace: 1 } })
    const { pipelineRun, token } = startRun(own.kube)
    const form = customRunForm(createCustomRun(own.kube, pipelineRun), tokenOf(own.kube, 'controller'))

    const statuses: number[] = []
    for (const pod of [token, startRun(own.kube).token, startRun(own.kube).token]) {
      statuses.push((await own.post('/token', exchangeForm(pod))).status)
    }
    const authorized = await own.post('/authorize', form)

    expect(statuses).toEqual([200, 200, 429])
    expect(authorized.status).toBe(200)
  })
})

it('has written no token anywhere', async () => {
  const { token } = startRun(broker.kube)
  const accessToken = await granted(token)
  await broker.post('/token', exchangeForm(token, { scope: 'nothing' }))
  await broker.post('/revoke', { token: accessToken }, token)

  const written = JSON.stringify(await broker.records()) + broker.logLines.join('')

  expect(broker.logLines.length).toBeGreaterThan(0)
  for (const part of [...token.split('.').slice(1), ...accessToken.split('.').slice(1)])
    expect(written).not.toContain(part)
  expect(written).not.toMatch(/eyJ[A-Za-z0-9_-]{10,}/)
})
