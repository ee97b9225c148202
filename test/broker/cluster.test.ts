import { describe, expect, it } from 'vitest'
import { createCluster } from '../../broker/cluster.ts'
import { brokerConfig } from '../../broker/config.ts'
import type { Workload } from '../../core/identity/workload.ts'
import { type KubeObject, resources } from '../../core/io/kube/api.ts'
import { createLog } from '../../core/io/log.ts'
import { Secret } from '../../core/secret.ts'
import { createPod, namespace, signal, startWorld, type World } from './identity/identity-fixture.ts'
import { createCustomRun, createRun, succeeded, workloadOf } from './identity/run-fixture.ts'

function clusterOf({ kube, client, clock }: World, changes: object = {}, witnesses: Witnesses = {}) {
  const config = brokerConfig.shape.clusters.parse([{ name: 'main', ...changes }])[0]
  if (config === undefined) throw new TypeError('no cluster')
  return createCluster({
    config,
    issuer: kube.issuer.issuer,
    kube: client,
    clock,
    log: createLog({ name: 'broker', level: 'silent' }),
    ...witnesses,
  })
}

type Witnesses = Pick<Parameters<typeof createCluster>[0], 'guard' | 'events'>

/** As verification makes it of the pod's own token. */
const podWorkload = (pod: KubeObject) => workloadOf(pod) as Workload

const walks = ({ kube }: World) => kube.requests({ verb: 'get', resource: 'taskruns' }).length

describe('createCluster', () => {
  it('remembers the run of a pod for five seconds, and asks once for callers who come together', async () => {
    await using world = await startWorld()
    const { facts } = clusterOf(world)
    const { pod, pipelineRun } = createRun(world.kube)
    const walk = async () => (await facts.walkPod(podWorkload(pod), undefined, signal)).pipelineRun?.name

    expect(await Promise.all([walk(), walk(), walk()])).toEqual(Array(3).fill(pipelineRun.metadata.name))
    world.time.ms += 4999
    await walk()
    expect(walks(world)).toBe(1)
    world.time.ms += 1
    await walk()

    expect(walks(world)).toBe(2)
  })

  it('does not answer for another account with the run it remembers of the pod', async () => {
    await using world = await startWorld()
    const { facts } = clusterOf(world)
    const workload = podWorkload(createRun(world.kube).pod)
    await facts.walkPod(workload, undefined, signal)

    const other = { ...workload, serviceAccount: { ...workload.serviceAccount, name: 'builder' } } as Workload
    await expect(facts.walkPod(other, undefined, signal)).rejects.toMatchObject({ reason: 'workload_mismatch' })
  })

  it('asks again about a pod whose run was not there yet', async () => {
    await using world = await startWorld()
    const { facts } = clusterOf(world)
    const { pod, taskRun } = createRun(world.kube, { taskRun: { status: { podName: '' } } })
    const workload = podWorkload(pod)

    await expect(facts.walkPod(workload, undefined, signal)).rejects.toMatchObject({ reason: 'run_unsettled' })
    const ref = { namespace, name: taskRun.metadata.name }
    world.kube.objects.patchStatus(resources.taskRuns, ref, { podName: pod.metadata.name })

    expect(await facts.walkPod(workload, undefined, signal)).toMatchObject({ assurance: 'claimed' })
  })

  it('asks again about a run that has ended', async () => {
    await using world = await startWorld()
    const { facts } = clusterOf(world)
    const { pod } = createRun(world.kube, { pipelineRun: { status: { conditions: succeeded } } })

    expect(await facts.walkPod(podWorkload(pod), undefined, signal)).toMatchObject({ hasEnded: true })
    await facts.walkPod(podWorkload(pod), undefined, signal)

    expect(walks(world)).toBe(2)
  })

  it('asks again about a pod whose address the kubelet has not written', async () => {
    await using world = await startWorld()
    const { facts } = clusterOf(world)
    const { pod } = createRun(world.kube, { pod: { status: { podIP: '' } } })

    await facts.walkPod(podWorkload(pod), undefined, signal)
    await facts.walkPod(podWorkload(pod), undefined, signal)

    expect(walks(world)).toBe(2)
  })

  it('asks guard and address anew, of a run that it remembers', async () => {
    await using world = await startWorld()
    let since: Date | undefined = new Date('2026-03-01T11:00:00Z')
    const guard = { verifiedSince: () => since, why: () => 'gone' }
    const { facts } = clusterOf(world, {}, { guard })
    const { pod } = createRun(world.kube)
    const assurance = async (peer: string) => (await facts.walkPod(podWorkload(pod), peer, signal)).assurance

    expect(await assurance('10.0.0.7')).toBe('verified')
    expect(await assurance('10.0.0.8')).toBe('claimed')
    since = undefined
    expect(await assurance('10.0.0.7')).toBe('claimed')
    expect(walks(world)).toBe(1)
  })

  it('with peerAddress: enforce listens to no one but the pod itself', async () => {
    await using world = await startWorld()
    const { facts } = clusterOf(world, { peerAddress: 'enforce' })
    const { pod } = createRun(world.kube)
    const early = createRun(world.kube, { pod: { status: { podIP: '' } } })
    const alone = createPod(world.kube, 'alone')
    const ask = (asking: KubeObject, peer: string | undefined) => facts.walkPod(podWorkload(asking), peer, signal)

    expect(await ask(pod, '::ffff:10.0.0.7')).toMatchObject({ task: 'deploy' })
    expect(await ask(alone, '10.0.0.7')).toMatchObject({ assurance: 'none' })
    for (const asking of [pod, alone]) {
      await expect(ask(asking, '10.0.0.8')).rejects.toMatchObject({ reason: 'workload_mismatch' })
      await expect(ask(asking, undefined)).rejects.toMatchObject({ reason: 'workload_mismatch' })
    }
    await expect(ask(early.pod, '10.0.0.7')).rejects.toMatchObject({ reason: 'run_unsettled' })
  })

  it('asks for the event of a run by its own labels, time and UID, and not for one that a person made', async () => {
    await using world = await startWorld()
    const asked: unknown[] = []
    const events = { claim: (...args: unknown[]) => void asked.push(args) }
    const { facts } = clusterOf(world, {}, { events })
    const labels = {
      'triggers.tekton.dev/eventlistener': 'github',
      'triggers.tekton.dev/trigger': 'push',
      'triggers.tekton.dev/triggers-eventid': 'e1',
    }
    const annotations = { 'tokenbroker.dev/initiator': '{"username":"jane","uid":""}' }
    const made = createRun(world.kube, { pipelineRun: { metadata: { labels } } })
    const byJane = createRun(world.kube, { pipelineRun: { metadata: { labels, annotations } } })
    const customRun: KubeObject = createCustomRun(world.kube, made.pipelineRun)

    await facts.walkPod(podWorkload(made.pod), undefined, signal)
    await facts.walkPod(podWorkload(byJane.pod), undefined, signal)
    await facts.walkPod(podWorkload(createRun(world.kube).pod), undefined, signal)
    const { name, uid } = customRun.metadata
    await facts.walkCustomRun({ namespace, name, uid }, signal)

    const question = {
      cluster: 'main',
      namespace,
      uid: made.pipelineRun.metadata.uid,
      createdAt: new Date('2026-03-01T12:00:00Z'),
      eventListener: 'github',
      trigger: 'push',
    }
    expect(asked).toEqual(Array(2).fill(['e1', question]))
  })

  it('reads a CustomRun anew each time', async () => {
    await using world = await startWorld()
    const { facts } = clusterOf(world)
    const { pipelineRun } = createRun(world.kube)
    const { metadata }: KubeObject = createCustomRun(world.kube, pipelineRun)
    const reference = { namespace, name: metadata.name, uid: metadata.uid }

    await facts.walkCustomRun(reference, signal)
    await facts.walkCustomRun(reference, signal)

    expect(world.kube.requests({ verb: 'get', resource: 'customruns' })).toHaveLength(2)
  })

  it.each([
    [{}, 3600],
    [{ revocationCheck: 'none' }, 600],
    [{ revocationCheck: 'none', maxTokenLifetimeSeconds: 1200 }, 1200],
    [{ maxTokenLifetimeSeconds: 7200 }, 7200],
  ])('with %j takes tokens that live at most %i seconds', async (config, seconds) => {
    await using world = await startWorld()

    expect(clusterOf(world, config).trusted.maxTokenLifetimeSeconds).toBe(seconds)
  })

  it('says for half a minute which review the API server refused, or until it answers one', async () => {
    await using world = await startWorld()
    const { trusted, refusals } = clusterOf(world)
    const review = () => trusted.kube.tokenReview(new Secret('x.y.z'), 'a', signal).catch(() => undefined)
    world.kube.faults.next({ resource: 'tokenreviews' }, { kind: 'answer', status: 403 }, 2)
    expect(refusals()).toEqual([])

    await review()
    world.time.ms += 29_999
    expect(refusals()).toEqual(['TokenReview (403)'])
    world.time.ms += 1
    expect(refusals()).toEqual([])

    await review()
    expect(refusals()).toEqual(['TokenReview (403)'])
    await review()
    expect(refusals()).toEqual([])
  })
})
