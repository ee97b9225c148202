/** Tekton objects as the API server sends them, with what a test wants different laid over. */

export const namespace = 'payments'
export const runUid = '11111111-1111-4111-8111-111111111111'
export const customRunUid = '22222222-2222-4222-8222-222222222222'

interface Parts {
  readonly metadata?: object
  readonly spec?: object
  readonly status?: object
}

export const tokenTask = {
  name: 'token',
  taskRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' },
}

export function pipelineRunObject(parts: Parts = {}) {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: 'release',
      namespace,
      uid: runUid,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'tekton.dev/pipeline': 'release' },
      ...parts.metadata,
    },
    spec: {
      pipelineRef: { name: 'release' },
      taskRunTemplate: { serviceAccountName: 'deployer' },
      timeouts: { pipeline: '1h0m0s' },
      ...parts.spec,
    },
    status: {
      startTime: '2026-01-01T00:00:00Z',
      conditions: [
        { type: 'Succeeded', status: 'Unknown', reason: 'Running', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
      pipelineSpec: {
        tasks: [tokenTask, { name: 'deploy', runAfter: ['token'], taskRef: { kind: 'Task', name: 'rollout' } }],
      },
      childReferences: [
        { apiVersion: 'tekton.dev/v1beta1', kind: 'CustomRun', name: 'release-token', pipelineTaskName: 'token' },
      ],
      ...parts.status,
    },
  }
}

export function customRunObject(parts: Parts = {}) {
  return {
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'CustomRun',
    metadata: {
      name: 'release-token',
      namespace,
      uid: customRunUid,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:01Z',
      ownerReferences: [
        {
          apiVersion: 'tekton.dev/v1',
          kind: 'PipelineRun',
          name: 'release',
          uid: runUid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
      ...parts.metadata,
    },
    spec: { customRef: tokenTask.taskRef, serviceAccountName: 'deployer', ...parts.spec },
    ...(parts.status === undefined ? {} : { status: parts.status }),
  }
}

export function taskRunObject(parts: Parts = {}) {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 'release-deploy', namespace, uid: '33333333-3333-4333-8333-333333333333', ...parts.metadata },
    spec: { taskRef: { kind: 'Task', name: 'rollout' }, serviceAccountName: 'deployer', ...parts.spec },
    status: { podName: 'release-deploy-pod', ...parts.status },
  }
}

export function podObject(parts: Parts = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'release-deploy-pod', namespace, uid: '44444444-4444-4444-8444-444444444444', ...parts.metadata },
    spec: { serviceAccountName: 'deployer', nodeName: 'node1', ...parts.spec },
    status: { phase: 'Running', ...parts.status },
  }
}

/** Fails the test at the place where a fixture turns out not to parse. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('the fixture does not parse')
  return value
}
