import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Call, caller } from './call.ts'
import { customRun } from './fixtures.ts'
import { at } from './json.ts'
import { type FakeKube, startKube } from './server.ts'

const runs = '/apis/tekton.dev/v1beta1/namespaces/payments/customruns'
const contentType = 'application/merge-patch+json'
const time = '2026-08-20T10:00:00Z'

describe('CustomRuns', () => {
  let kube: FakeKube
  let call: Call
  const patchStatus = (status: object, query = '') =>
    call('PATCH', `${runs}/token/status${query}`, { contentType, body: { status } })

  beforeAll(async () => {
    kube = await startKube()
    call = caller(kube)
    kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'any', namespace: 'payments' } })
  })
  afterAll(() => kube.close())
  beforeEach(async () => {
    await call('DELETE', runs)
    await call('POST', runs, { body: customRun })
  })

  it('take a status as our controller writes it', async () => {
    const status = {
      observedGeneration: 1,
      startTime: time,
      completionTime: time,
      results: [{ name: 'authorization-id', value: 'auth-1' }],
      conditions: [
        { type: 'Succeeded', status: 'True', reason: 'Authorized', message: 'ok', lastTransitionTime: time },
      ],
      retriesStatus: [
        { conditions: [{ type: 'Succeeded', status: 'False', reason: 'BrokerUnavailable' }], startTime: time },
      ],
      extraFields: { exchange: { anything: ['at', 'all'] } },
    }
    const { body } = await patchStatus(status)

    expect(body).toMatchObject({ spec: { serviceAccountName: 'default' } })
    expect(at(body, 'status')).toEqual(status)
  })

  it('lose unknown fields without a word, unless asked to be strict', async () => {
    const status = { token: 'x', results: [{ name: 'a', value: 'b', type: 'string' }], extraFields: { free: true } }
    const strict = await patchStatus(status, '?fieldValidation=Strict')
    const lax = await patchStatus(status)

    expect(strict).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('unknown field "status.token"') },
    })
    expect(at(lax.body, 'status')).toEqual({ results: [{ name: 'a', value: 'b' }], extraFields: { free: true } })
  })

  it.each([
    ['a result that is a number', { results: [{ name: 'ttl', value: 300 }] }, 422, 'Invalid'],
    ['a result that is a list', { results: [{ name: 'scopes', value: ['a'] }] }, 422, 'Invalid'],
    ['a condition without status', { conditions: [{ type: 'Succeeded' }] }, 422, 'Invalid'],
    ['a start that is no time', { startTime: 'now' }, 422, 'Invalid'],
    ['an unknown field in retriesStatus', { retriesStatus: [{ attempt: 1 }] }, 400, 'BadRequest'],
  ])('refuse %s', async (_what, status, code, reason) => {
    expect(await patchStatus(status)).toMatchObject({ status: code, body: { reason } })
  })

  it.each([
    ['neither customRef nor customSpec', {}],
    ['both', { ...customRun.spec, customSpec: { apiVersion: 'a/v1', kind: 'B' } }],
    ['no kind', { customRef: { apiVersion: 'a/v1' } }],
    ['another spec.status', { ...customRun.spec, status: 'Cancelled' }],
    ['a statusMessage alone', { ...customRun.spec, statusMessage: 'because' }],
    [
      'a param twice',
      {
        ...customRun.spec,
        params: [
          { name: 'a', value: '1' },
          { name: 'a', value: '2' },
        ],
      },
    ],
  ])('are refused by the webhook with %s', async (_what, spec) => {
    const { status, body } = await call('POST', runs, { body: { ...customRun, metadata: { name: 'other' }, spec } })

    expect(status).toBe(400)
    expect(at(body, 'message')).toMatch(
      /^admission webhook "validation\.webhook\.pipeline\.tekton\.dev" denied the request/,
    )
  })

  it('can be edited by anyone with update, which their controller has to notice', async () => {
    const body = { spec: { params: [{ name: 'scope', value: 'deploy:production' }] } }

    expect(await call('PATCH', `${runs}/token`, { contentType, body })).toMatchObject({
      status: 200,
      body: { metadata: { generation: 2 } },
    })
  })
})

describe('TaskRuns and PipelineRuns', () => {
  it.each([
    ['taskruns', 'TaskRun', { taskRef: { name: 'rollout' } }, 'TaskRunCancelled'],
    ['pipelineruns', 'PipelineRun', { pipelineRef: { name: 'release' } }, 'Cancelled'],
  ])('%s take a cancellation and no other change', async (plural, kind, spec, cancelled) => {
    await using kube = await startKube()
    const call = caller(kube)
    const path = `/apis/tekton.dev/v1/namespaces/default/${plural}`
    await call('POST', path, { body: { apiVersion: 'tekton.dev/v1', kind, metadata: { name: 'run' }, spec } })
    const changed = await call('PATCH', `${path}/run`, {
      contentType,
      body: { spec: { params: [{ name: 'a', value: 'b' }] } },
    })
    const ended = await call('PATCH', `${path}/run`, { contentType, body: { spec: { status: cancelled } } })
    const empty = await call('POST', path, {
      body: { apiVersion: 'tekton.dev/v1', kind, metadata: { name: 'empty' }, spec: {} },
    })

    expect([changed.status, ended.status, empty.status]).toEqual([400, 200, 400])
  })
})
