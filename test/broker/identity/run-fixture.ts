import { randomUUID } from 'node:crypto'
import type { WorkloadClaims } from '../../../core/identity/workload.ts'
import { type KubeObject, type Resource, resources } from '../../../core/io/kube/api.ts'
import type { FakeKube } from '../../fakes/kube/server.ts'
import { createAccount, createPod, namespace } from './identity-fixture.ts'

/** A PipelineRun with a TokenExchange, its CustomRun, and the TaskRun and pod of the task behind it. */

export interface Parts {
  readonly metadata?: object
  readonly spec?: object
  readonly status?: object
}

export const tokenTask = {
  name: 'token',
  taskRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' },
}
const deployTask = { name: 'deploy', runAfter: ['token'], taskRef: { kind: 'Task', name: 'rollout' } }
/** What the Task `rollout` runs, and the containers that Tekton makes of it. */
const rolloutTask = { steps: [{ name: 'rollout', image: 'rollout:1' }] }
export const rolloutPod = { containers: [{ name: 'step-rollout', image: 'rollout:1' }] }

export const running = [{ type: 'Succeeded', status: 'Unknown', reason: 'Running' }]
export const succeeded = [{ type: 'Succeeded', status: 'True', reason: 'Succeeded' }]
export const failed = [{ type: 'Succeeded', status: 'False', reason: 'Failed' }]

export function ownedBy(owner: KubeObject, changes: object = {}): object {
  const { apiVersion, kind, metadata } = owner
  return {
    ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, ...changes }],
  }
}

export function createPipelineRun(kube: FakeKube, name: string, parts: Parts = {}): KubeObject {
  return kube.objects.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name, namespace, ...parts.metadata },
    spec: {
      pipelineRef: { name: 'release' },
      taskRunTemplate: { serviceAccountName: 'deployer' },
      timeouts: { pipeline: '1h0m0s' },
      ...parts.spec,
    },
    status: {
      startTime: '2026-03-01T12:00:00Z',
      conditions: running,
      pipelineSpec: { tasks: [tokenTask, deployTask] },
      childReferences: [
        { apiVersion: 'tekton.dev/v1beta1', kind: 'CustomRun', name: `${name}-token`, pipelineTaskName: 'token' },
        { apiVersion: 'tekton.dev/v1', kind: 'TaskRun', name: `${name}-deploy`, pipelineTaskName: 'deploy' },
      ],
      ...parts.status,
    },
  })
}

export function createTaskRun(kube: FakeKube, name: string, parts: Parts = {}): KubeObject {
  return kube.objects.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name, namespace, ...parts.metadata },
    spec: { taskRef: { kind: 'Task', name: 'rollout' }, serviceAccountName: 'deployer', ...parts.spec },
    status: {
      startTime: '2026-03-01T12:00:00Z',
      conditions: running,
      podName: `${name}-pod`,
      taskSpec: rolloutTask,
      ...parts.status,
    },
  })
}

export function createCustomRun(kube: FakeKube, owner: KubeObject, parts: Parts = {}): KubeObject {
  const { metadata = {}, spec, status } = parts
  return kube.objects.create({
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'CustomRun',
    metadata: { name: `${owner.metadata.name}-token`, namespace, ...ownedBy(owner), ...metadata },
    spec: { customRef: tokenTask.taskRef, serviceAccountName: 'deployer', ...spec },
    ...(status === undefined ? {} : { status }),
  })
}

interface RunOfPod {
  readonly pipelineRun: KubeObject
  readonly taskRun: KubeObject
  readonly pod: KubeObject
}

/** The whole of a run that goes on, every link in both directions. */
export function createRun(kube: FakeKube, parts: { pipelineRun?: Parts; taskRun?: Parts; pod?: Parts } = {}): RunOfPod {
  const name = `release-${randomUUID().slice(0, 8)}`
  const pipelineRun = createPipelineRun(kube, name, parts.pipelineRun)
  const taskRun = createTaskRun(kube, `${name}-deploy`, {
    ...parts.taskRun,
    metadata: { ...ownedBy(pipelineRun), ...parts.taskRun?.metadata },
  })
  const pod = createPod(kube, `${name}-deploy-pod`, {
    ...parts.pod,
    metadata: { ...ownedBy(taskRun), ...parts.pod?.metadata },
    spec: { ...rolloutPod, ...parts.pod?.spec },
  })
  return { pipelineRun, taskRun, pod }
}

/** What verification says of the pod's own token. */
export function workloadOf(pod: KubeObject, changes: Partial<WorkloadClaims> = {}): WorkloadClaims {
  return {
    cluster: 'main',
    namespace,
    serviceAccount: { name: 'deployer', uid: 'sa-uid' },
    pod: { name: pod.metadata.name, uid: pod.metadata.uid },
    node: { name: 'node1' },
    credentialId: 'credential-1',
    issuedAt: new Date('2026-03-01T12:00:00Z'),
    expiresAt: new Date('2026-03-01T13:00:00Z'),
    revocationCheck: 'token-review',
    ...changes,
  }
}

export function ensureAccount(kube: FakeKube, name: string): void {
  if (kube.objects.get(resources.serviceAccounts, { namespace, name }) === undefined) createAccount(kube, name)
}

/** Leaves the object in place with a deletionTimestamp, as a finalizer does. */
export function startDeleting(kube: FakeKube, resource: Resource, { metadata: { name } }: KubeObject): void {
  kube.objects.patch(resource, { namespace, name }, { metadata: { finalizers: ['example.com/hold'] } })
  kube.objects.delete(resource, { namespace, name })
}
