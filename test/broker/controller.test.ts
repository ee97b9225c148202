import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProveController, type NamedController, requireController } from '../../broker/controller.ts'
import type { Workload } from '../../core/identity/workload.ts'
import { type KubeObject, resources } from '../../core/io/kube/api.ts'
import { rejection } from '../core/reason-of.ts'
import { createControllerReplicaSet, ownedBy } from '../fakes/kube/workloads.ts'
import { createPod, namespace, startWorld, type World } from './identity/identity-fixture.ts'
import { ensureAccount, startDeleting, workloadOf } from './identity/run-fixture.ts'

const signal = new AbortController().signal
const named: NamedController = {
  namespace,
  serviceAccount: 'controller',
  deployment: 'controller',
  peerAddress: 'record',
}
const status = { phase: 'Running', podIP: '10.1.2.3', podIPs: [{ ip: '10.1.2.3' }, { ip: 'fd00::7' }] }

let world: World
let replicaSet: KubeObject
beforeAll(async () => {
  world = await startWorld()
  ensureAccount(world.kube, 'controller')
  replicaSet = createControllerReplicaSet(world.kube, { namespace, name: 'controller' })
})
afterAll(async () => await world[Symbol.asyncDispose]())

function pod(metadata: object = ownedBy(replicaSet)): KubeObject {
  const spec = { serviceAccountName: 'controller' }
  return createPod(world.kube, `controller-${randomUUID().slice(0, 8)}`, { metadata, spec, status })
}

function caller(of: KubeObject, changes: object = {}): Workload {
  return workloadOf(of, { serviceAccount: { name: 'controller', uid: 'u' }, ...changes }) as Workload
}

function proverOf(controller: NamedController | undefined = named) {
  return createProveController({ controller, kubes: new Map([['main', world.client]]), clock: world.clock })
}

describe('createProveController', () => {
  it.each([
    ['an address of the pod', '10.1.2.3', true],
    ['the same, as a socket of both families shows it', '::ffff:10.1.2.3', true],
    ['its other address', 'fd00::7', true],
    ['another address', '10.9.9.9', false],
    ['no address', undefined, false],
  ])('takes the pod of the Deployment, and says whether it came from %s', async (_what, peer, isPodAddress) => {
    expect(await proverOf()(caller(pod()), peer, signal)).toEqual({ isController: true, isPodAddress })
  })

  it.each<[string, () => KubeObject]>([
    ['that nobody owns', () => pod({})],
    ['of another Deployment', () => pod(ownedBy(createControllerReplicaSet(world.kube, { namespace, name: 'other' })))],
    ['whose owner has another uid', () => pod(ownedBy(replicaSet, { uid: randomUUID() }))],
    ['whose owner is not its controller', () => pod(ownedBy(replicaSet, { controller: false }))],
    ['whose owner is of another kind', () => pod(ownedBy(replicaSet, { kind: 'StatefulSet' }))],
    ['whose owner is of another group', () => pod(ownedBy(replicaSet, { apiVersion: 'example.com/v1' }))],
    ['whose ReplicaSet names a Deployment that was made anew', () => pod(ownedBy(strayReplicaSet()))],
  ])('does not take a pod with the ServiceAccount %s', async (_what, make) => {
    expect(await proverOf()(caller(make()), '10.1.2.3', signal)).toEqual({
      isController: false,
      why: expect.stringContaining('Deployment'),
    })
  })

  it('does not take a token of a pod that is gone, is another one or is being deleted', async () => {
    const deleted = pod()
    startDeleting(world.kube, resources.pods, deleted)
    const callers = [
      caller(pod(), { pod: { name: 'nobody', uid: randomUUID() } }),
      caller(pod(), { pod: { name: pod().metadata.name, uid: randomUUID() } }),
      caller(deleted),
    ]

    for (const one of callers) expect(await proverOf()(one, '10.1.2.3', signal)).toMatchObject({ isController: false })
  })

  it.each([
    ['another ServiceAccount', { serviceAccount: { name: 'other', uid: 'u' } }],
    ['another namespace', { namespace: 'other' }],
  ])('does not take %s, and asks nobody', async (_what, changes) => {
    const before = world.kube.requests().length
    const proof = await proverOf()(caller(pod(), changes), '10.1.2.3', signal)

    expect(proof).toMatchObject({ isController: false, why: 'not the ServiceAccount of the controller' })
    expect(world.kube.requests()).toHaveLength(before)
  })

  it('takes nobody where none is configured', async () => {
    const prove = createProveController({ controller: undefined, kubes: new Map(), clock: world.clock })

    expect(await prove(caller(pod()), '10.1.2.3', signal)).toMatchObject({ isController: false })
  })

  it('takes requests from an address of the pod alone where that is asked for', async () => {
    const prove = proverOf({ ...named, peerAddress: 'enforce' })
    const one = caller(pod())

    expect(await prove(one, '10.1.2.3', signal)).toMatchObject({ isController: true })
    expect(await prove(one, '10.9.9.9', signal)).toMatchObject({
      isController: false,
      why: expect.stringContaining('peer'),
    })
  })

  it('takes any pod with the ServiceAccount where no Deployment is named', async () => {
    const prove = proverOf({ ...named, deployment: undefined })

    expect(await prove(caller(pod({})), '10.1.2.3', signal)).toEqual({ isController: true, isPodAddress: undefined })
  })

  it('asks the API server once for many requests of one pod, and again for one that was not taken', async () => {
    const prove = proverOf()
    const [good, bad] = [caller(pod()), caller(pod({}))]
    const count = (name: string) => world.kube.requests({ verb: 'get', resource: 'pods', name }).length
    for (let i = 0; i < 3; i += 1) await Promise.all([prove(good, '10.1.2.3', signal), prove(bad, '10.1.2.3', signal)])

    expect([count(good.pod.name), count(bad.pod.name)]).toEqual([1, 3])
  })

  it('says that the API server does not answer, and takes nobody', async () => {
    world.kube.faults.next({ resource: 'replicasets', namespace }, { kind: 'answer', status: 500 }, 20)
    const problem = await rejection(proverOf()(caller(pod()), '10.1.2.3', signal))
    world.kube.faults.clear()

    expect(problem.reason).toBe('kubernetes_unavailable')
  })
})

describe('requireController', () => {
  it('refuses everybody else, and keeps why to operators', async () => {
    const problem = await rejection(requireController(proverOf(), caller(pod({})), '10.1.2.3', signal))

    expect(problem).toMatchObject({ reason: 'caller_not_allowed', detail: expect.stringContaining('Deployment') })
    expect(problem.mend).not.toContain('Deployment')
  })
})

/** A ReplicaSet whose Deployment has the name of the controller's, and another uid. */
function strayReplicaSet(): KubeObject {
  const owner = {
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'controller', controller: true, uid: randomUUID() },
    ],
  }
  return world.kube.objects.create({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { namespace, name: `stray-${randomUUID().slice(0, 8)}`, ...owner },
    spec: {},
  })
}
