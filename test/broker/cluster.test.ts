import { describe, expect, it } from 'vitest'
import { createCluster } from '../../broker/cluster.ts'
import { brokerConfig } from '../../broker/config.ts'
import type { Workload } from '../../core/identity/workload.ts'
import { type KubeObject, resources } from '../../core/io/kube/api.ts'
import { createLog } from '../../core/io/log.ts'
import { Secret } from '../../core/secret.ts'
import { namespace, signal, startWorld, type World } from './identity/identity-fixture.ts'
import { createCustomRun, createRun, succeeded, workloadOf } from './identity/run-fixture.ts'

function clusterOf({ kube, client, clock }: World, changes: object = {}) {
  const config = brokerConfig.shape.clusters.parse([{ name: 'main', ...changes }])[0]
  if (config === undefined) throw new TypeError('no cluster')
  return createCluster({
    config,
    issuer: kube.issuer.issuer,
    kube: client,
    clock,
    log: createLog({ name: 'broker', level: 'silent' }),
  })
}

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
