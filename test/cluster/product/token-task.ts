import { facts } from '../harness/cluster.ts'
import type { KubeObject } from '../harness/kube.ts'

export interface StepScript {
  readonly name: string
  readonly script: string
}

/** A step that says what happens to it, in an image with a shell and nothing of ours. */
export function shellStep(name: string, script: string): object {
  return { name, image: facts().images.busybox, script: `#!/bin/sh\nset -eu\n${script}\n` }
}

export interface TokenTaskRun {
  readonly namespace: string
  /** Annotations of ours, their prefix left out. */
  readonly annotations: Readonly<Record<string, string>>
  readonly steps: readonly object[]
  readonly sidecars?: readonly object[]
  readonly volumes?: readonly object[]
  readonly podTemplate?: object
  readonly serviceAccount?: string
}

/** A TaskRun that stands alone and asks by annotation. */
export function tokenTaskRun(options: TokenTaskRun): KubeObject {
  const { namespace, annotations, steps, sidecars, volumes, podTemplate, serviceAccount = 'deployer' } = options
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { generateName: 'rollout-', namespace, annotations: ours(annotations) },
    spec: {
      serviceAccountName: serviceAccount,
      ...(podTemplate && { podTemplate }),
      taskSpec: { steps, ...(sidecars && { sidecars }), ...(volumes && { volumes }) },
    },
  }
}

/** With the prefix that annotations of ours have. */
export function ours(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`tokenbroker.dev/${key}`, value]))
}

/** A PipelineRun of these tasks, as the ServiceAccount that may have the token. */
export function pipelineRunOf(namespace: string, tasks: readonly object[], spec: object = {}): KubeObject {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { generateName: 'release-', namespace },
    spec: { pipelineSpec: { tasks }, taskRunTemplate: { serviceAccountName: 'deployer' }, ...spec },
  }
}

/** The task that asks for the token of the tasks behind it. */
export function exchangeTask(params: Readonly<Record<string, string | readonly string[]>> = {}): object {
  return {
    name: 'token',
    taskRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' },
    params: Object.entries(params).map(([name, value]) => ({ name, value })),
  }
}
