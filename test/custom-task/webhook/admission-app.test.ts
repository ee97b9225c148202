import { describe, expect, it } from 'vitest'
import { KubeError } from '../../../core/io/kube/api.ts'
import type { Decide } from '../../../custom-task/webhook/decide.ts'
import type { Mutation } from '../../../custom-task/webhook/mutate.ts'
import { readAll, review, startAdmission } from './admission-server.ts'

const patch = [{ op: 'add', path: '/spec/volumes/-', value: { name: 'é' } }] as const
const injected: Mutation = { kind: 'injected', patch, policies: ['deploy-staging'] }
const inject: Decide = async () => injected
const untouched: Decide = async () => ({ kind: 'untouched' })
const never: Decide = (_, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

describe('POST /mutate', () => {
  it('answers with the patch, for the uid of the question', async (context) => {
    const asked: unknown[] = []
    const { send, count } = await startAdmission(context, async ({ namespace, pod }) => {
      asked.push(namespace, pod.metadata.name)
      return injected
    })
    const { status, headers, json } = await send(review())

    expect({ status, type: headers['content-type'], cache: headers['cache-control'] }).toEqual({
      status: 200,
      type: 'application/json',
      cache: 'no-store',
    })
    expect(json).toEqual({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: {
        uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
        allowed: true,
        patchType: 'JSONPatch',
        patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
      },
    })
    expect(asked).toEqual(['payments', 'release-deploy-pod'])
    expect(await count('injected')).toBe(1)
  })

  it('lets a pod pass as it is', async (context) => {
    const { send } = await startAdmission(context, untouched)

    expect((await send(review({ uid: 'u' }))).json.response).toEqual({ uid: 'u', allowed: true })
  })

  it('refuses a pod with the sentence that says the mend', async (context) => {
    const { send } = await startAdmission(context, async () => ({ kind: 'refused', sentence: 'Remove hostNetwork' }))

    expect((await send(review({ uid: 'u' }))).json.response).toEqual({
      uid: 'u',
      allowed: false,
      status: { code: 403, reason: 'Forbidden', message: 'Remove hostNetwork' },
    })
  })

  it.for([
    ['an update', { operation: 'UPDATE' }],
    ['a deletion', { operation: 'DELETE', object: null }],
    ['a subresource', { subResource: 'ephemeralcontainers' }],
    ['another kind', { resource: { group: 'apps', version: 'v1', resource: 'deployments' }, object: {} }],
  ] as const)('lets %s pass without a look', async ([, request], context) => {
    const { send } = await startAdmission(context, inject)

    expect((await send(review({ ...request, uid: 'u' }))).json.response).toEqual({ uid: 'u', allowed: true })
  })

  it.for([
    ['no JSON', '{"request":'],
    ['nothing', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a review of another version', review({}, { apiVersion: 'admission.k8s.io/v1beta1' })],
    ['another kind', review({}, { kind: 'ConversionReview' })],
    ['no request', review({}, { request: undefined })],
    ['no uid', review({ uid: undefined })],
    ['an empty uid', review({ uid: '' })],
    ['a uid that is a number', review({ uid: 7 })],
    ['a uid without end', review({ uid: 'u'.repeat(129) })],
    ['no namespace', review({ namespace: undefined })],
    ['no object', review({ object: undefined })],
    ['an object that is no pod', review({ object: { apiVersion: 'v1', kind: 'Secret', metadata: {} } })],
    ['a pod without containers', review({ object: { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: {} } })],
  ] as const)('answers 400 to %s', async ([, body], context) => {
    const { send, count } = await startAdmission(context, inject)
    const { status, json } = await send(body)

    expect({ status, error: json['error'] }).toEqual({ status: 400, error: 'invalid_request' })
    expect(await count('failed')).toBe(1)
  })

  it.for([
    ['another type', { 'content-type': 'application/yaml' }],
    ['no type', { 'content-type': '' }],
    ['a type that only begins so', { 'content-type': 'application/jsonx' }],
    ['another charset', { 'content-type': 'application/json; charset=latin1' }],
    ['a compressed body', { 'content-encoding': 'gzip' }],
  ] as const)('answers 415 to %s', async ([, headers], context) => {
    const { send } = await startAdmission(context, inject)

    expect(await send(review(), { headers })).toMatchObject({ status: 415, json: { error: 'invalid_request' } })
  })

  it('takes the charset that JSON has', async (context) => {
    const { send } = await startAdmission(context, untouched)

    expect(await send(review(), { headers: { 'content-type': 'application/json; charset=UTF-8' } })).toMatchObject({
      status: 200,
    })
  })

  it('answers 405 to other methods and 404 to other paths', async (context) => {
    const { send } = await startAdmission(context, inject)

    expect(await send('', { method: 'GET' })).toMatchObject({ status: 405, headers: { allow: 'POST' } })
    for (const path of ['/', '/mutate/', '/MUTATE', '/mutate/x']) {
      expect(await send(review(), { path })).toMatchObject({ status: 404 })
    }
    expect(await send(review(), { path: '/mutate?timeout=2s' })).toMatchObject({ status: 200 })
  })

  it('takes a large pod, and no body over 3 MiB, whether its length was announced or not', async (context) => {
    const { send } = await startAdmission(context, untouched)
    const pad = (bytes: number) => review({}, { padding: 'x'.repeat(bytes) })
    const limit = 3 * 1024 * 1024

    expect(await send(pad(limit - 8192))).toMatchObject({ status: 200 })
    expect(await send(pad(limit))).toMatchObject({ status: 413, headers: { connection: 'close' } })
    expect(await send(pad(limit), { headers: { 'transfer-encoding': 'chunked' } })).toMatchObject({ status: 413 })
  })

  it.for([
    ['the API server refuses', async () => Promise.reject(new KubeError(403, 'Forbidden', 'no'))],
    ['the API server does not answer in time', never],
    [
      'something is wrong with us',
      () => {
        throw new TypeError('a mistake')
      },
    ],
  ] as const satisfies readonly (readonly [string, Decide])[])(
    'answers 503 where %s, so that the failurePolicy decides',
    async ([, decide], context) => {
      const { send, count } = await startAdmission(context, decide, { deadlineMs: 50 })
      const { status, json } = await send(review())

      expect({ status, error: json['error'] }).toEqual({ status: 503, error: 'temporarily_unavailable' })
      expect(await count('failed')).toBe(1)
    },
  )

  it('gives up what is under way when the process does', async (context) => {
    const { send, lifetime } = await startAdmission(context, never, { deadlineMs: 60_000 })
    const waiting = send(review())
    lifetime.abort(new DOMException('over', 'TimeoutError'))

    expect(await waiting).toMatchObject({ status: 503 })
  })

  it('cuts off a client that sends its body slowly, and serves others meanwhile', async (context) => {
    const { send, open } = await startAdmission(context, untouched, { requestTimeoutMs: 100 })
    const slow = await open()
    const cutOff = readAll(slow)
    slow.write(
      'POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"kind":',
    )

    expect(await send(review())).toMatchObject({ status: 200 })
    expect(await cutOff).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('survives clients that go away in the middle', async (context) => {
    const { send, open } = await startAdmission(context, untouched)
    for (let i = 0; i < 20; i += 1) {
      const socket = await open()
      socket.write('POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{')
      socket.destroy()
    }

    expect(await send(review())).toMatchObject({ status: 200 })
  })

  it('refuses a request with two lengths', async (context) => {
    const { open } = await startAdmission(context, inject)
    const socket = await open()
    const answer = readAll(socket)
    socket.write(
      'POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    )

    expect(await answer).toMatch(/^HTTP\/1\.1 400 /)
  })
})

describe('POST /stamp', () => {
  const annotation = 'tokenbroker.dev/initiator'
  const userInfo = { username: 'alice@example.com', uid: 'u-1', groups: ['system:authenticated'], extra: {} }
  const run = { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', metadata: { generateName: 'release-' }, spec: {} }
  const aboutRun = (request: object = {}) =>
    review({
      uid: 'u',
      resource: { group: 'tekton.dev', version: 'v1', resource: 'pipelineruns' },
      object: run,
      userInfo,
      ...request,
    })
  const path = '/stamp'

  it('writes who makes the run, for the uid of the question', async (context) => {
    const { send, text } = await startAdmission(context, never)
    const { status, json } = await send(aboutRun(), { path })

    const value = { [annotation]: '{"username":"alice@example.com","uid":"u-1"}' }
    const patch = Buffer.from(JSON.stringify([{ op: 'add', path: '/metadata/annotations', value }])).toString('base64')
    expect(status).toBe(200)
    expect(json.response).toEqual({ uid: 'u', allowed: true, patchType: 'JSONPatch', patch })
    expect(await text()).toContain('tokenbroker_webhook_stamps_total{result="stamped"} 1')
  })

  it('has nothing to write into its own result', async (context) => {
    const { send, text } = await startAdmission(context, never)
    const annotations = { [annotation]: '{"username":"alice@example.com","uid":"u-1"}' }
    const { json } = await send(aboutRun({ object: { ...run, metadata: { annotations } } }), { path })

    expect(json.response).toEqual({ uid: 'u', allowed: true })
    expect(await text()).toContain('tokenbroker_webhook_stamps_total{result="untouched"} 1')
  })

  it.for([
    ['an update', { operation: 'UPDATE' }],
    ['a status', { subResource: 'status' }],
    ['a kind of Tekton that does not run', { resource: { group: 'tekton.dev', version: 'v1', resource: 'pipelines' } }],
    ['a pod', { resource: { group: '', version: 'v1', resource: 'pods' } }],
  ] as const)('lets %s pass without a look', async ([, request], context) => {
    const { send } = await startAdmission(context, never)

    expect((await send(aboutRun(request), { path })).json.response).toEqual({ uid: 'u', allowed: true })
  })

  it.for([
    ['no JSON', '{'],
    ['a run without metadata', aboutRun({ object: {} })],
    ['a question without a user', aboutRun({ userInfo: undefined })],
    ['annotations that are no texts', aboutRun({ object: { metadata: { annotations: { a: 1 } } } })],
  ] as const)('answers 400 to %s, and the run has no initiator', async ([, body], context) => {
    const { send, text } = await startAdmission(context, never)

    expect(await send(body, { path })).toMatchObject({ status: 400 })
    expect(await text()).toContain('tokenbroker_webhook_stamps_total{result="failed"} 1')
  })
})

describe('POST /stamp-suspension', () => {
  const annotation = 'tokenbroker.dev/suspended-by'
  const username = 'alice@example.com'
  const policy = (suspend?: unknown, annotations?: object) => ({ metadata: { annotations }, spec: { suspend } })
  const about = (object: unknown, oldObject: unknown, request: object = {}) =>
    review({
      uid: 'u',
      operation: 'UPDATE',
      resource: { group: 'tokenbroker.dev', version: 'v1alpha1', resource: 'tokenpolicies' },
      object,
      oldObject,
      userInfo: { username },
      ...request,
    })
  const path = '/stamp-suspension'
  const escaped = '/metadata/annotations/tokenbroker.dev~1suspended-by'
  const first = { op: 'add', path: '/metadata/annotations', value: { [annotation]: username } }
  const over = { op: 'add', path: escaped, value: username }

  it.for<[string, string, object]>([
    ['suspends', about(policy(true), policy()), first],
    ['suspends what never said so', about(policy(true, { a: 'b' }), policy(false)), over],
    ['suspends under the name of somebody else', about(policy(true, { [annotation]: 'bob' }), policy()), over],
    ['lets go on what somebody else suspended', about(policy(false, { [annotation]: 'bob' }), policy(true)), over],
    ['makes it suspended', about(policy(true), null, { operation: 'CREATE' }), first],
    [
      'suspends a provider',
      about(policy(true), policy(), {
        resource: { group: 'tokenbroker.dev', version: 'v1', resource: 'clustertokenproviders' },
      }),
      first,
    ],
  ])('writes who %s', async ([, body, operation], context) => {
    const { send, text } = await startAdmission(context, never)
    const { json } = await send(body, { path })

    const patch = Buffer.from(JSON.stringify([operation])).toString('base64')
    expect(json.response).toEqual({ uid: 'u', allowed: true, patchType: 'JSONPatch', patch })
    expect(await text()).toContain('tokenbroker_webhook_stamps_total{result="stamped"} 1')
  })

  it.for([
    ['its own result', about(policy(true, { [annotation]: username }), policy())],
    ['what stays suspended', about(policy(true, { [annotation]: 'bob' }), policy(true))],
    ['what is made to go', about(policy(), null, { operation: 'CREATE' })],
    ['a status', about(policy(true), policy(), { subResource: 'status' })],
    ['a deletion', about(null, policy(true), { operation: 'DELETE' })],
    [
      'a run',
      about(policy(true), policy(), { resource: { group: 'tekton.dev', version: 'v1', resource: 'taskruns' } }),
    ],
  ] as const)('writes nothing into %s', async ([, body], context) => {
    const { send } = await startAdmission(context, never)

    expect((await send(body, { path })).json.response).toEqual({ uid: 'u', allowed: true })
  })

  it.for([
    ['no JSON', '{'],
    ['an update of nothing', about(policy(true), null)],
    ['a suspend that is no boolean', about(policy('true'), policy())],
    ['nobody', about(policy(true), policy(), { userInfo: { username: '' } })],
  ] as const)('answers 400 to %s', async ([, body], context) => {
    const { send, text } = await startAdmission(context, never)

    expect(await send(body, { path })).toMatchObject({ status: 400 })
    expect(await text()).toContain('tokenbroker_webhook_stamps_total{result="failed"} 1')
  })
})
