import { describe, expect, it } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { customRunObject, pipelineRunObject } from '../../core/tekton/objects.ts'
import { refused } from '../../fakes/broker.ts'
import {
  authorizedAnswer,
  conditionOf,
  createWorld,
  customRunRef,
  isDone,
  pipelineRunRef,
  startController,
} from './scene.ts'

const finalizers = (object: KubeObject) => object.metadata.finalizers ?? []
const customRunPatches = { verb: 'patch', resource: 'customruns' }

/** As the broker shows that people have decided. */
function decidedApproval({ metadata: { namespace, name, uid } }: KubeObject): object {
  const policy = { kind: 'TokenPolicy', name: 'deploy-staging', uid: 'policy-uid', generation: 1 }
  const request = { digest: 'a'.repeat(64), run: { kind: 'PipelineRun', name, uid }, policy, provider: 'builtin' }
  const target = { audience: 'https://deploy.example.com', scopes: ['deploy:staging'], ttlSeconds: 300, into: [] }
  const condition = { type: 'Decided', status: 'True', reason: 'Approved', message: 'Approved by bob' }
  return {
    apiVersion: 'tokenbroker.dev/v1alpha1',
    kind: 'TokenApproval',
    metadata: { name: 'asked', namespace },
    spec: {
      request: { ...request, ...target },
      requirements: [{ required: 1 }],
      expiresAt: '2036-01-01T00:00:00Z',
    },
    status: { conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  }
}

describe('the controller', () => {
  it('authorises a run: results, condition, Event, and no finalizer', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    world.startRun()
    world.makeChild()
    world.nameChild()

    const done = await world.customRunWhen(isDone)

    expect(done.status).toMatchObject({
      observedGeneration: 1,
      conditions: [{ type: 'Succeeded', status: 'True', reason: 'Authorized' }],
      results: [
        { name: 'authorization-id', value: 'auth-1' },
        { name: 'policy', value: 'deploy-staging' },
        { name: 'audience', value: 'https://deploy.example.com' },
        { name: 'scope', value: 'deploy:staging' },
        { name: 'expires-at', value: '2036-01-01T01:00:00Z' },
      ],
    })
    expect(finalizers(done)).toEqual([])
    await expect.poll(() => world.kube.objects.list(resources.events)).toMatchObject([{ reason: 'Authorized' }])
  })

  it('asks as the delegation of the contract says, once', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    world.startRun()
    const { metadata } = world.makeChild()
    world.nameChild()
    await world.customRunWhen(isDone)

    expect(world.broker.requests.map((request) => [request.path, Object.fromEntries(request.form)])).toEqual([
      [
        '/authorize',
        {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: `payments/release-token/${metadata.uid}`,
          subject_token_type: 'urn:tokenbroker:params:token-type:customrun',
          actor_token: 'own-token',
          actor_token_type: 'urn:ietf:params:oauth:token-type:jwt',
          policy: 'deploy-staging',
        },
      ],
    ])
  })

  it('writes the status once when the answer is quick', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    world.startRun()
    world.makeChild()
    world.nameChild()
    await expect.poll(() => world.kube.objects.list(resources.events)).toHaveLength(1)

    expect(world.kube.requests({ ...customRunPatches, subresource: 'status' })).toHaveLength(1)
    expect(world.kube.requests(customRunPatches)).toHaveLength(1)
  })

  it('waits for Tekton to name the child before it asks', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    world.startRun()
    world.makeChild()

    const waiting = await world.customRunWhen((object) => conditionOf(object) === 'Unknown Exchanging')
    expect(world.broker.requests).toEqual([])
    expect(waiting.status).toMatchObject({ startTime: expect.any(String) })

    world.nameChild()
    expect(conditionOf(await world.customRunWhen(isDone))).toBe('True Authorized')
  })

  it('says Exchanging while the broker takes its time', async () => {
    await using world = await createWorld()
    const answer = Promise.withResolvers<typeof authorizedAnswer>()
    world.answerWith(() => answer.promise)
    await using _ = await startController(world)
    world.startRun()
    world.makeChild()
    world.nameChild()

    await world.customRunWhen((object) => conditionOf(object) === 'Unknown Exchanging')
    answer.resolve(authorizedAnswer)

    expect(conditionOf(await world.customRunWhen(isDone))).toBe('True Authorized')
    expect(world.broker.requests).toHaveLength(1)
  })

  it('refuses with the sentence of the broker and the exchange id', async () => {
    await using world = await createWorld()
    world.answerWith(() => refused(400, 'invalid_scope'))
    await using _ = await startController(world)
    world.startRun()
    world.makeChild()
    world.nameChild()

    const done = await world.customRunWhen(isDone)

    expect(done.status).toMatchObject({
      conditions: [{ reason: 'Denied', message: 'Mend invalid_scope (exchange exchange-refused)' }],
    })
  })

  it('stays Unknown while the broker is away, and goes on when it is back', async () => {
    await using world = await createWorld()
    world.answerWith(() => undefined)
    await using _ = await startController(world)
    world.startRun()
    world.makeChild()
    world.nameChild()

    await world.customRunWhen((object) => conditionOf(object) === 'Unknown BrokerUnavailable')
    world.answerWith(() => authorizedAnswer)

    expect(conditionOf(await world.customRunWhen(isDone))).toBe('True Authorized')
  })

  it('cancels within the words of Tekton while the broker is away', async () => {
    await using world = await createWorld()
    world.answerWith(() => undefined)
    await using _ = await startController(world)
    world.startRun()
    world.makeChild()
    world.nameChild()
    await world.customRunWhen((object) => conditionOf(object) === 'Unknown BrokerUnavailable')

    const statusMessage = 'CustomRun cancelled as the PipelineRun it belongs to has been cancelled.'
    world.kube.objects.patch(resources.customRuns, customRunRef, { spec: { status: 'RunCancelled', statusMessage } })

    expect((await world.customRunWhen(isDone)).status).toMatchObject({
      observedGeneration: 2,
      conditions: [{ status: 'False', reason: 'CustomRunCancelled', message: statusMessage }],
    })
  })

  it('asks again as soon as the question to people is over, however long it was to wait', async () => {
    await using world = await createWorld()
    const pending = { interval: 300, approval: 'asked' }
    let isDecided = false
    world.answerWith(() => (isDecided ? authorizedAnswer : refused(400, 'authorization_pending', pending)))
    await using _ = await startController(world)
    const run = world.startRun()
    world.makeChild()
    world.nameChild()
    await world.customRunWhen((object) => conditionOf(object) === 'Unknown AwaitingApproval')

    isDecided = true
    world.kube.objects.create(decidedApproval(run))

    expect(conditionOf(await world.customRunWhen(isDone))).toBe('True Authorized')
  })

  it('fails a CustomRun whose spec was edited while it ran', async () => {
    await using world = await createWorld()
    world.answerWith(() => refused(400, 'authorization_pending', { interval: 300 }))
    await using _ = await startController(world)
    world.startRun()
    world.makeChild()
    world.nameChild()
    await world.customRunWhen((object) => conditionOf(object) === 'Unknown AwaitingApproval')

    world.kube.objects.patch(resources.customRuns, customRunRef, { spec: { timeout: '5h' } })

    expect(conditionOf(await world.customRunWhen(isDone))).toBe('False SpecChanged')
  })

  it('tries again as the CustomRun says: the attempt moves into retriesStatus, and False comes last', async () => {
    await using world = await createWorld()
    let attempts = 0
    world.answerWith(() => (++attempts === 1 ? refused(400, 'invalid_scope') : authorizedAnswer))
    await using _ = await startController(world)
    world.startRun()
    world.makeChild({ spec: { retries: 1 } })
    const { pipelineSpec } = pipelineRunObject().status
    const tasks = pipelineSpec.tasks.map((task) => (task.name === 'token' ? { ...task, retries: 1 } : task))
    world.nameChild()
    world.kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, { pipelineSpec: { tasks } })

    const between = await world.customRunWhen((object) => conditionOf(object) === 'Unknown Retrying')
    const done = await world.customRunWhen(isDone)

    const failed = { type: 'Succeeded', status: 'False', reason: 'Denied' }
    const retriesStatus = [{ observedGeneration: 1, startTime: expect.any(String), conditions: [failed] }]
    expect(between.status).toMatchObject({ observedGeneration: 1, retriesStatus })
    expect(between.status).not.toHaveProperty('startTime')
    expect(done.status).toMatchObject({
      observedGeneration: 1,
      startTime: expect.any(String),
      conditions: [{ status: 'True', reason: 'Authorized' }],
      retriesStatus,
    })
    expect(attempts).toBe(2)
  })

  it('fails a CustomRun of a kind that our API group does not have, and asks nobody', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    world.startRun()
    const customRef = { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchang', name: 'deploy-staging' }
    world.makeChild({ spec: { customRef } })

    const done = await world.customRunWhen(isDone)

    expect(conditionOf(done)).toBe('False InvalidParams')
    expect(done.status).toMatchObject({
      conditions: [{ message: 'tokenbroker.dev/v1alpha1 has no kind TokenExchang: TokenExchange is meant' }],
    })
    expect(world.broker.requests).toEqual([])
  })

  it('leaves the CustomRuns of other custom tasks alone', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    world.startRun()
    const customRef = { apiVersion: 'wait.testing.tekton.dev/v1beta1', kind: 'Wait', name: 'w' }
    world.makeChild({ metadata: { name: 'other' }, spec: { customRef } })
    world.makeChild()
    world.nameChild()
    await world.customRunWhen(isDone)

    const other = world.kube.objects.get(resources.customRuns, { namespace: 'payments', name: 'other' })
    expect(other?.metadata.finalizers ?? []).toEqual([])
    expect(other?.status).toBeUndefined()
  })

  it('retries when Tekton refuses a write, without asking the broker again', async () => {
    await using world = await createWorld()
    world.kube.faults.next({ ...customRunPatches, subresource: 'status' }, { kind: 'answer', status: 500 })
    await using _ = await startController(world)
    world.startRun()
    world.makeChild()
    world.nameChild()

    expect(conditionOf(await world.customRunWhen(isDone))).toBe('True Authorized')
    expect(world.broker.requests).toHaveLength(1)
  })

  it.each(['lose', 'cut'] as const)('decides once although a write is hit by: %s', async (kind) => {
    await using world = await createWorld()
    world.kube.faults.next({ ...customRunPatches, subresource: 'status' }, { kind })
    await using _ = await startController(world)
    world.startRun()
    world.makeChild()
    world.nameChild()

    await expect.poll(() => world.kube.objects.list(resources.events).length + Number(kind === 'lose')).toBe(1)

    expect(conditionOf(await world.customRunWhen(isDone))).toBe('True Authorized')
    expect(world.broker.requests).toHaveLength(1)
  })

  it('asks once for each of many runs that come at once', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    const names = Array.from({ length: 40 }, (_, i) => `run-${i}`)
    for (const name of names) {
      const children = [{ kind: 'CustomRun', name: `${name}-token`, pipelineTaskName: 'token' }]
      const { metadata } = world.kube.objects.create(
        pipelineRunObject({ metadata: { name, resourceVersion: undefined }, status: { childReferences: children } }),
      )
      const owner = { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', name, uid: metadata.uid, controller: true }
      const child = { name: `${name}-token`, resourceVersion: undefined, ownerReferences: [owner] }
      world.kube.objects.create(customRunObject({ metadata: child }))
    }

    const done = () => world.kube.objects.list(resources.customRuns).filter(isDone)
    await expect.poll(() => done().length, { timeout: 10_000 }).toBe(40)

    const subjects = world.broker.requests.map((request) => request.form.get('subject_token'))
    expect(new Set(subjects).size).toBe(40)
    expect(subjects).toHaveLength(40)
  })
})

describe('the end of a run', () => {
  const end = { completionTime: '2036-01-01T00:10:00Z', conditions: [{ type: 'Succeeded', status: 'True' }] }

  async function authorizedRun(world: Awaited<ReturnType<typeof createWorld>>): Promise<string> {
    const { metadata } = world.startRun()
    // As the broker lists what it authorised.
    world.broker.liveRuns = [`payments/PipelineRun/release/${metadata.uid}`]
    world.makeChild()
    world.nameChild()
    await world.customRunWhen(isDone)
    return metadata.uid
  }

  it('is told to the broker when the PipelineRun is done', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    const uid = await authorizedRun(world)

    world.kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, end)

    const [told] = await world.brokerAsked('/runs/end', 1)
    expect(told?.form.get('run')).toBe(`payments/PipelineRun/release/${uid}`)
    expect(told?.authorization).toBe('Bearer own-token')
  })

  it('is told when the PipelineRun is deleted, and the CustomRun goes with it', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    const uid = await authorizedRun(world)

    world.kube.objects.delete(resources.pipelineRuns, pipelineRunRef)

    const [told] = await world.brokerAsked('/runs/end', 1)
    expect(told?.form.get('run')).toBe(`payments/PipelineRun/release/${uid}`)
    await expect.poll(() => world.kube.objects.get(resources.customRuns, customRunRef)).toBeUndefined()
  })

  it('is told after a restart for a run that was deleted meanwhile', async () => {
    await using world = await createWorld()
    {
      await using _ = await startController(world)
      await authorizedRun(world)
    }
    world.kube.objects.delete(resources.pipelineRuns, pipelineRunRef)
    await world.kube.idle()

    await using _ = await startController(world)

    await world.brokerAsked('/runs/end', 1)
    await expect.poll(() => world.kube.objects.get(resources.customRuns, customRunRef)).toBeUndefined()
  })

  it('is told again until the broker takes it', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    await authorizedRun(world)
    let refusals = 2
    world.broker.answerWith((request) => {
      if (request.path !== '/runs/end' || refusals === 0) return { status: 200, body: {} }
      refusals -= 1
      return refused(500, 'server_error')
    })

    world.kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, end)

    const told = () => world.broker.requests.filter((request) => request.path === '/runs/end')
    await expect.poll(told, { timeout: 10_000 }).toHaveLength(3)
  })

  it('changes nothing about a finished CustomRun', async () => {
    await using world = await createWorld()
    await using _ = await startController(world)
    await authorizedRun(world)
    const before = world.customRun()

    world.kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, end)
    await world.brokerAsked('/runs/end', 1)

    expect(world.customRun()).toEqual(before)
  })
})
