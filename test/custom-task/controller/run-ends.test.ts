import { describe, expect, it } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { namespace, pipelineRunObject } from '../../core/tekton/objects.ts'
import { refused } from '../../fakes/broker.ts'
import { authorizedAnswer, createWorld, pipelineRunRef, startController, type World } from './scene.ts'

const plainPipeline = { pipelineSpec: { tasks: [{ name: 'deploy', taskRef: { kind: 'Task', name: 'rollout' } }] } }
const done = { conditions: [{ type: 'Succeeded', status: 'True', reason: 'Succeeded' }] }

/** A PipelineRun that never had a TokenExchange: its pods ask by annotation. */
function startPlainRun({ kube }: World): KubeObject {
  const { metadata, ...rest } = pipelineRunObject({ status: { ...plainPipeline, childReferences: [] } })
  return kube.objects.create({ ...rest, metadata: { name: metadata.name, namespace } })
}

function startTaskRun({ kube }: World, labels: Readonly<Record<string, string>> = {}): KubeObject {
  return kube.objects.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 'migrate', namespace, labels },
    spec: { taskRef: { name: 'migrate' } },
    status: { conditions: [{ type: 'Succeeded', status: 'Unknown', reason: 'Running' }] },
  })
}

const taskRunRef = { namespace, name: 'migrate' }
const keyOf = ({ kind, metadata: { name, uid } }: KubeObject) => `${namespace}/${kind}/${name}/${uid}`

/** The runs whose end was told. */
async function told(world: World, count = 1): Promise<readonly (string | undefined)[]> {
  return (await world.brokerAsked('/runs/end', count)).map(({ form }) => form.get('run'))
}

describe('the end of a run that holds something', () => {
  it.each([
    ['is done', ({ kube }: World) => kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, done)],
    ['is deleted', ({ kube }: World) => kube.objects.delete(resources.pipelineRuns, pipelineRunRef)],
  ])('is told when a PipelineRun without any TokenExchange %s', async (_, end) => {
    await using world = await createWorld()
    const run = startPlainRun(world)
    world.broker.liveRuns = [keyOf(run)]
    await using _controller = await startController(world)

    end(world)

    expect(await told(world)).toEqual([keyOf(run)])
  })

  it.each([
    ['is done', ({ kube }: World) => kube.objects.patchStatus(resources.taskRuns, taskRunRef, done)],
    ['is deleted', ({ kube }: World) => kube.objects.delete(resources.taskRuns, taskRunRef)],
  ])('is told when a TaskRun that stands alone %s', async (_, end) => {
    await using world = await createWorld()
    await using _controller = await startController(world)
    const run = startTaskRun(world)
    world.broker.liveRuns = [keyOf(run)]

    end(world)

    expect(await told(world)).toEqual([keyOf(run)])
  })

  it('is told at the next start when the controller was away', async () => {
    await using world = await createWorld()
    const runs = [startPlainRun(world), startTaskRun(world)]
    world.kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, done)
    world.kube.objects.delete(resources.taskRuns, taskRunRef)
    world.broker.liveRuns = runs.map(keyOf)

    await using _controller = await startController(world)

    expect((await told(world, 2)).toSorted()).toEqual(runs.map(keyOf).toSorted())
  })

  it('is told for a run whose name another run has now', async () => {
    await using world = await createWorld()
    const before = startTaskRun(world)
    world.kube.objects.delete(resources.taskRuns, taskRunRef)
    startTaskRun(world)
    world.broker.liveRuns = [keyOf(before)]

    await using _controller = await startController(world)

    expect(await told(world)).toEqual([keyOf(before)])
  })

  it('is left to the broker for a TaskRun that a label hides from the watch', async () => {
    await using world = await createWorld()
    world.answerWith(() => authorizedAnswer)
    const run = startTaskRun(world, { 'tekton.dev/pipelineRun': 'nobody' })
    world.broker.liveRuns = [keyOf(run)]

    await using _controller = await startController(world)

    expect(await told(world)).toEqual([keyOf(run)])
  })

  it('is told once the broker is back', async () => {
    await using world = await createWorld()
    const run = startPlainRun(world)
    await using _controller = await startController(world)
    world.broker.liveRuns = undefined
    world.kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, done)
    await world.kube.idle()

    world.broker.liveRuns = [keyOf(run)]

    expect(await told(world)).toEqual([keyOf(run)])
  })

  it('is not told for a run that goes on, nor for one that holds nothing', async () => {
    await using world = await createWorld()
    const going = startPlainRun(world)
    startTaskRun(world)
    world.broker.liveRuns = [keyOf(going)]
    await using controller = await startController(world)

    world.kube.objects.patchStatus(resources.taskRuns, taskRunRef, done)
    world.kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, { startTime: '2026-01-01T00:00:05Z' })
    await world.kube.idle()
    await controller.stop(AbortSignal.timeout(5000))

    expect(world.broker.requests).toEqual([])
  })

  it('is told again after the broker failed', async () => {
    await using world = await createWorld()
    const run = startPlainRun(world)
    let failures = 2
    world.broker.answerWith(() => (failures-- > 0 ? refused(500, 'server_error') : { status: 200, body: {} }))
    world.broker.liveRuns = [keyOf(run)]
    world.kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, done)

    await using _controller = await startController(world)

    await expect.poll(() => world.broker.requests.length).toBe(3)
  })
})

describe('a run that a person revoked', () => {
  const annotations = { 'tokenbroker.dev/revoked-by': 'alice@example.com' }

  it.each([
    ['PipelineRun', startPlainRun, resources.pipelineRuns, pipelineRunRef],
    ['TaskRun', startTaskRun, resources.taskRuns, taskRunRef],
  ])('is told at once, once, with an Event on the %s', async (kind, start, resource, ref) => {
    await using world = await createWorld()
    await using _controller = await startController(world)
    const run = start(world)

    world.kube.objects.patch(resource, ref, { metadata: { annotations } })

    expect(await told(world)).toEqual([keyOf(run)])
    await expect
      .poll(() => world.kube.objects.list(resources.events))
      .toMatchObject([
        {
          reason: 'TokensRevoked',
          involvedObject: { kind, name: ref.name, uid: run.metadata.uid },
          message: expect.stringMatching(/^alice@example\.com withdrew/),
        },
      ])
    world.kube.objects.patchStatus(resource, ref, { startTime: '2026-01-01T00:00:05Z' })
    await world.kube.idle()
    expect(world.broker.requests).toHaveLength(1)
  })
})
