import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { resources } from '../../../core/io/kube/api.ts'
import { createPod, namespace } from '../identity/identity-fixture.ts'
import { createRun, createTaskRun, ownedBy, running, succeeded } from '../identity/run-fixture.ts'
import { type Broker, exchangeForm, startBroker, startRun, tokenOf } from './whole-app.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(async () => await broker[Symbol.asyncDispose]())

const controller = () => tokenOf(broker.kube, 'controller')

interface Named {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly uid: string }
}

function keyOf({ kind, metadata: { name, uid } }: Named): string {
  return `${namespace}/${kind}/${name}/${uid}`
}

async function granted(token: string): Promise<string> {
  const { body } = await broker.post('/token', exchangeForm(token))
  return body['access_token'] as string
}

async function recordsOf(name: string) {
  return (await broker.records()).filter(({ subject }) => subject === `${namespace}/${name}`)
}

async function isActive(token: string): Promise<unknown> {
  return (await broker.post('/introspect', { token }, tokenOf(broker.kube, 'gateway'))).body['active']
}

function finish(run: Named): void {
  const resource = run.kind === 'TaskRun' ? resources.taskRuns : resources.pipelineRuns
  broker.kube.objects.patchStatus(resource, { namespace, name: run.metadata.name }, { conditions: succeeded })
}

function revoke(run: Named, by: string): void {
  const resource = run.kind === 'TaskRun' ? resources.taskRuns : resources.pipelineRuns
  const metadata = { annotations: { 'tokenbroker.dev/revoked-by': by } }
  broker.kube.objects.patch(resource, { namespace, name: run.metadata.name }, { metadata })
}

/** A TaskRun that stands alone, its pod, and the token of that. */
function startTaskRun(name: string) {
  const taskRun = createTaskRun(broker.kube, name)
  const pod = createPod(broker.kube, `${name}-pod`, { metadata: ownedBy(taskRun) })
  return { taskRun, token: tokenOf(broker.kube, pod.metadata.name, 'deployer') }
}

describe('POST /runs/live', () => {
  async function live(after?: string) {
    const { status, body } = await broker.post('/runs/live', after === undefined ? {} : { after }, controller())
    expect(status).toBe(200)
    return body as { readonly runs: readonly string[]; readonly next: string; readonly more: boolean }
  }

  it('lists the runs that hold something, and then those that came since', async () => {
    const before = await live()
    const { pipelineRun, token } = startRun(broker.kube)
    startRun(broker.kube)
    await granted(token)

    expect(await live(before.next)).toMatchObject({ runs: [keyOf(pipelineRun)], more: false })
    expect((await live()).runs).toContain(keyOf(pipelineRun))
    expect((await live((await live()).next)).runs).toEqual([])
  })

  it('begins anew for the cursor of another process', async () => {
    const { pipelineRun, token } = startRun(broker.kube)
    await granted(token)

    expect((await live('another-process.9999')).runs).toContain(keyOf(pipelineRun))
  })

  it('knows a TaskRun that stands alone, and lists no run that has ended', async () => {
    const { taskRun, token } = startTaskRun('alone-live')
    await granted(token)
    expect((await live()).runs).toContain(keyOf(taskRun))

    finish(taskRun)
    await broker.post('/runs/end', { run: keyOf(taskRun) }, controller())

    expect((await live()).runs).not.toContain(keyOf(taskRun))
  })

  it('is for the controller only, and takes no cursor that is none', async () => {
    expect((await broker.post('/runs/live', {}, tokenOf(broker.kube, 'builder'))).status).toBe(403)
    expect((await broker.post('/runs/live', { after: 'x' }, controller())).status).toBe(400)
  })
})

describe('the end of a run', () => {
  it('is recorded after a record for each token that it withdrew', async () => {
    const { pipelineRun, token } = startRun(broker.kube)
    const tokens = [await granted(token), await granted(token)]
    finish(pipelineRun)

    const { body } = await broker.post('/runs/end', { run: keyOf(pipelineRun) }, controller())

    const jtis = tokens.map((one) => decodeJwt(one).jti)
    const records = (await recordsOf(pipelineRun.metadata.name)).slice(-3)
    expect(body).toMatchObject({ revoked: 2 })
    expect(records.map(({ type, data }) => [type.split('.').at(-2), data.reason, data.revoked_tokens])).toEqual([
      ['revoked', 'run_ended', [jtis[0]]],
      ['revoked', 'run_ended', [jtis[1]]],
      ['ended', 'run_ended', jtis],
    ])
    expect(records.at(-1)?.data).toMatchObject({ revoked_count: 2, closed_authorizations: 0 })
    expect(await Promise.all(tokens.map(isActive))).toEqual([false, false])
  })

  it('is recorded once, however many tell it at once', async () => {
    const { pipelineRun, token } = startRun(broker.kube)
    await granted(token)
    finish(pipelineRun)

    const form = { run: keyOf(pipelineRun) }
    const told = await Promise.all(Array.from({ length: 5 }, () => broker.post('/runs/end', form, controller())))

    expect(told.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    const types = (await recordsOf(pipelineRun.metadata.name)).map(({ type }) => type.split('.').at(-2))
    expect(types).toEqual(['granted', 'revoked', 'ended'])
  })

  it('does not come between two attempts of a TaskRun that is retried', async () => {
    const { taskRun, token } = startTaskRun('alone-retried')
    const first = await granted(token)
    const status = { podName: null, startTime: null, conditions: running, retriesStatus: [{ conditions: [] }] }
    broker.kube.objects.patchStatus(resources.taskRuns, { namespace, name: 'alone-retried' }, status)

    const told = await broker.post('/runs/end', { run: keyOf(taskRun) }, controller())

    expect([told.status, await isActive(first)]).toEqual([400, true])
  })

  it.each(['PipelineRun', 'TaskRun'])('comes at once when a person revokes what a %s was given', async (kind) => {
    const { token, run } =
      kind === 'TaskRun'
        ? (({ taskRun, token: own }) => ({ token: own, run: taskRun }))(startTaskRun('alone-revoked'))
        : (({ pipelineRun, token: own }) => ({ token: own, run: pipelineRun }))(startRun(broker.kube))
    const accessToken = await granted(token)
    revoke(run, 'alice@example.com')

    const { body } = await broker.post('/runs/end', { run: keyOf(run) }, controller())

    expect(body).toMatchObject({ revoked: 1 })
    expect(await isActive(accessToken)).toBe(false)
    const records = (await recordsOf(run.metadata.name)).slice(-2)
    expect(records.map(({ data }) => [data.reason, data.by])).toEqual([
      ['revoked_by_person', 'alice@example.com'],
      ['revoked_by_person', 'alice@example.com'],
    ])
    expect((await broker.post('/token', exchangeForm(token))).body['error']).toBe('access_denied')
  })

  it('is seen by the broker itself when a pod asks, before anybody tells it', async () => {
    const { pipelineRun, pod } = createRun(broker.kube)
    revoke(pipelineRun, 'alice@example.com')

    const answer = await broker.post('/token', exchangeForm(tokenOf(broker.kube, pod.metadata.name, 'deployer')))

    expect([answer.status, answer.body['error']]).toEqual([400, 'access_denied'])
  })
})

describe('a caller that proved itself and is refused', () => {
  beforeEach(() => {
    broker.counted.length = 0
  })

  it.each([
    ['/introspect', 'introspect caller_not_allowed'],
    ['/runs/end', 'runs-end caller_not_allowed'],
    ['/runs/live', 'runs-live caller_not_allowed'],
    ['/revoke', 'revoke parameter_missing'],
  ])('is counted under its own name at %s', async (path, counted) => {
    await broker.post(path, {}, tokenOf(broker.kube, 'builder'))

    expect(broker.counted).toEqual([`${counted} ${namespace}/builder`])
  })
})

describe('the rate of callers', () => {
  it('holds for everybody but the controller and the listed services, at all doors together', async () => {
    await using slow = await startBroker({ limits: { requestsPerSecondPerPod: 0.001, burstPerPod: 2 } })
    const statuses = async (account: string, path: string) => {
      const all = []
      for (let i = 0; i < 3; i += 1)
        all.push((await slow.post(path, { token: 'x' }, tokenOf(slow.kube, account))).status)
      return all
    }

    expect(await statuses('gateway', '/introspect')).toEqual([200, 200, 200])
    expect(await statuses('controller', '/runs/live')).toEqual([200, 200, 200])
    expect(await statuses('builder', '/introspect')).toEqual([403, 403, 429])
    expect(await statuses('builder', '/revoke')).toEqual([429, 429, 429])
  })
})
