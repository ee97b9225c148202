import { describe, expect, it } from 'vitest'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import { pipelineRunObject } from '../../core/tekton/objects.ts'
import { createWorld, pipelineRunRef, startController, type World } from './scene.ts'

const namespace = 'payments'
const message =
  'tokenbroker: deploy-staging is refused: Ask for a scope that it lists (exchange 0197-a)\ntokenbroker: push is waiting\n'
const sentence = 'deploy-staging is refused: Ask for a scope that it lists (exchange 0197-a)'

interface Scene {
  readonly taskRun: KubeObject
  readonly pipelineRun: KubeObject
}

/** A run with one task, whose TaskRun names the pod that Tekton made for it. */
function startTask({ kube, startRun }: World, podName = 'release-deploy-pod'): Scene {
  const pipelineRun = startRun()
  const taskRun = kube.objects.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 'release-deploy', namespace, ownerReferences: [owner(pipelineRun)] },
    spec: { taskRef: { name: 'rollout' } },
    status: { podName },
  })
  nameTask(kube)
  return { taskRun, pipelineRun }
}

function nameTask(kube: World['kube']): void {
  const { pipelineSpec } = pipelineRunObject().status
  const child = { apiVersion: 'tekton.dev/v1', kind: 'TaskRun', name: 'release-deploy', pipelineTaskName: 'deploy' }
  kube.objects.patchStatus(resources.pipelineRuns, pipelineRunRef, { childReferences: [child], pipelineSpec })
}

function owner({ apiVersion, kind, metadata: { name, uid } }: KubeObject) {
  return { apiVersion, kind, name, uid, controller: true }
}

interface PodParts {
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly text?: string
  readonly finishedAt?: string
  readonly ownerUid?: string
  /** What the sidecar says behind a gate that opened. */
  readonly lastWords?: string
}

/** As the kubelet leaves it behind. */
function failPod({ kube }: World, taskRun: KubeObject, parts: PodParts = {}): KubeObject {
  const { name = 'release-deploy-pod', labels = { 'tokenbroker.dev/injected': 'true' }, text = message } = parts
  const finishedAt = parts.finishedAt ?? new Date().toISOString()
  const terminated = { exitCode: 1, message: text, finishedAt, startedAt: finishedAt, reason: 'Error' }
  const atGate = { name: 'tokenbroker-gate', state: { terminated } }
  const opened = [
    { name: 'tokenbroker', state: { terminated: { ...terminated, exitCode: 0, message: parts.lastWords } } },
    { name: 'tokenbroker-gate', state: { terminated: { ...terminated, exitCode: 0, message: '' } } },
  ]
  const made = owner(taskRun)
  return kube.objects.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, ownerReferences: [{ ...made, uid: parts.ownerUid ?? made.uid }] },
    spec: { containers: [{ name: 'step-rollout', image: 'busybox' }] },
    status: { phase: 'Failed', initContainerStatuses: parts.lastWords === undefined ? [atGate] : opened },
  })
}

function events({ kube }: World) {
  return kube.objects
    .list<KubeObject & { involvedObject: { kind: string; uid: string }; reason: string; message: string }>(
      resources.events,
    )
    .map(({ involvedObject: { kind, uid }, reason, message: text }) => ({ kind, uid, reason, message: text }))
    .toSorted((a, b) => b.kind.localeCompare(a.kind))
}

describe('a pod whose gate did not open', () => {
  it('is an Event on its TaskRun and on its PipelineRun, with mend and exchange id', async () => {
    await using place = await createWorld()
    await using _ = await startController(place)
    const { taskRun, pipelineRun } = startTask(place)

    failPod(place, taskRun)

    await expect
      .poll(() => events(place))
      .toEqual([
        { kind: 'TaskRun', uid: taskRun.metadata.uid, reason: 'Denied', message: sentence },
        {
          kind: 'PipelineRun',
          uid: pipelineRun.metadata.uid,
          reason: 'Denied',
          message: `TaskRun release-deploy: ${sentence}`,
        },
      ])
  })

  it('is told too where it opened, and a token that ended later was not given again', async () => {
    await using place = await createWorld()
    await using _ = await startController(place)
    const { taskRun } = startTask(place)

    failPod(place, taskRun, { lastWords: 'tokenbroker: deploy-staging is refused: The policy is suspended\n' })

    await expect
      .poll(() => events(place))
      .toMatchObject([
        { kind: 'TaskRun', reason: 'Denied', message: 'deploy-staging is refused: The policy is suspended' },
        { kind: 'PipelineRun' },
      ])
  })

  it('is told once, whatever happens to the controller', async () => {
    await using place = await createWorld()
    const { taskRun } = startTask(place)
    failPod(place, taskRun)
    for (let i = 0; i < 2; i += 1) {
      await using _ = await startController(place)
      await expect.poll(() => place.kube.requests({ verb: 'create', resource: 'events' }).length).toBe(2 * (i + 1))
    }

    expect(events(place)).toHaveLength(2)
  })

  it('is told when Tekton has said whose pod it is', async () => {
    await using place = await createWorld()
    await using _ = await startController(place)
    const { taskRun } = startTask(place, '')
    failPod(place, taskRun)
    await expect.poll(() => place.kube.requests({ verb: 'get', resource: 'taskruns' }).length).toBeGreaterThan(0)
    expect(events(place)).toEqual([])

    place.kube.objects.patchStatus(
      resources.taskRuns,
      { namespace, name: 'release-deploy' },
      { podName: 'release-deploy-pod' },
    )

    await expect.poll(() => events(place), { timeout: 5000 }).toHaveLength(2)
  })

  it.each<[string, string, string]>([
    ['is waiting for a person', 'is pending: A person must approve', 'AwaitingApproval'],
    ['heard nothing from the broker', 'is unavailable: The broker cannot be reached', 'BrokerUnavailable'],
  ])('%s when the time is over', async (_what, text, reason) => {
    await using place = await createWorld()
    await using _ = await startController(place)
    const { taskRun } = startTask(place)

    failPod(place, taskRun, { text: `tokenbroker: deploy-staging ${text}\ntokenbroker: no token after 60 s\n` })

    await expect.poll(() => events(place).map((one) => one.reason)).toEqual([reason, reason])
  })
})

describe('a pod that was made by hand', () => {
  it.each<[string, PodParts]>([
    ['in the name of a TaskRun that made another', { name: 'forged' }],
    ['in the name of a TaskRun of before', { ownerUid: '99999999-9999-4999-8999-999999999999' }],
    ['without a word of our gate', { text: 'Your password has expired: visit https://evil.example' }],
    ['and is old', { finishedAt: '2020-01-01T00:00:00Z' }],
    ['without our label', { labels: {} }],
  ])('%s is no news', async (_what, parts) => {
    await using place = await createWorld()
    await using _ = await startController(place)
    const { taskRun } = startTask(place)
    failPod(place, taskRun, parts)

    // One that is news, so that the others were looked at before.
    place.kube.objects.patchStatus(
      resources.taskRuns,
      { namespace, name: 'release-deploy' },
      {
        retriesStatus: [{ podName: 'earlier' }],
      },
    )
    failPod(place, taskRun, { name: 'earlier', text: 'tokenbroker: other is refused\n' })

    await expect
      .poll(() => events(place).map((one) => one.message))
      .toEqual(['other is refused', 'TaskRun release-deploy: other is refused'])
  })
})

it('a custom run that the broker refused is an Event on its PipelineRun too', async () => {
  await using place = await createWorld()
  place.answerWith(() => ({
    status: 400,
    body: { error: 'invalid_scope', error_description: 'Mend it', exchange_id: 'e-1' },
  }))
  await using _ = await startController(place)
  place.startRun()
  place.makeChild()
  place.nameChild()

  await expect
    .poll(() => events(place))
    .toMatchObject([
      { kind: 'PipelineRun', reason: 'Denied', message: 'CustomRun release-token: Mend it (exchange e-1)' },
      { kind: 'CustomRun', reason: 'Denied', message: 'Mend it (exchange e-1)' },
    ])
})
