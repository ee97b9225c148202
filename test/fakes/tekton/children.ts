import { createHash } from 'node:crypto'
import type { OwnerReference } from '../../../core/io/kube/api.ts'
import { isObject, omit } from '../kube/json.ts'
import type { Param, PipelineRun, PipelineTask, TaskRunSpec } from './shapes.ts'

/** A pipeline task whose variables are filled in, on its way to become an object. */
export interface Child {
  readonly run: PipelineRun
  readonly task: PipelineTask
  readonly memberOf: 'tasks' | 'finally'
}

/** Whether Tekton makes a CustomRun of the task: its reference or spec has both apiVersion and kind. */
export function isCustomTask({ taskRef, taskSpec }: PipelineTask): boolean {
  const type = taskRef ?? taskSpec ?? {}
  return (
    typeof type['apiVersion' as keyof typeof type] === 'string' && typeof type['kind' as keyof typeof type] === 'string'
  )
}

/** Name of a child: at most 63 characters, cut and marked with a hash where it would be longer. */
export function childName(parent: string, suffix: string): string {
  const name = `${parent}-${suffix}`
  if (name.length <= 63) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 10)
  return `${name.slice(0, 52).replace(/[-.]+$/, '')}-${hash}`
}

export function controllerRef(owner: {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly uid: string }
}): OwnerReference {
  const { apiVersion, kind, metadata } = owner
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true }
}

function specOf({ run, task }: Child): TaskRunSpec | undefined {
  return run.spec.taskRunSpecs?.find(({ pipelineTaskName }) => pipelineTaskName === task.name)
}

function serviceAccountOf(child: Child): string {
  return specOf(child)?.serviceAccountName ?? child.run.spec.taskRunTemplate?.serviceAccountName ?? 'default'
}

function timeoutOf(child: Child): string | undefined {
  const ofRun = child.run.spec.timeouts?.[child.memberOf]
  return specOf(child)?.timeout ?? child.task.timeout ?? ofRun
}

function labelsOf({ run, task, memberOf }: Child): Record<string, string> {
  return {
    ...run.metadata.labels,
    'tekton.dev/pipelineRun': run.metadata.name,
    'tekton.dev/pipelineRunUID': run.metadata.uid,
    'tekton.dev/pipelineTask': task.name,
    'tekton.dev/memberOf': memberOf,
  }
}

function annotationsOf({ run }: Child): Record<string, string> {
  const entries = Object.entries(run.metadata.annotations ?? {})
  return Object.fromEntries(entries.filter(([key]) => !key.startsWith('chains.tekton.dev/')))
}

function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function base(child: Child, type: { readonly apiVersion: string; readonly kind: string }) {
  const { name, namespace } = child.run.metadata
  return {
    ...type,
    metadata: {
      name: childName(name, child.task.name),
      namespace,
      labels: labelsOf(child),
      annotations: annotationsOf(child),
      ownerReferences: [controllerRef(child.run)],
    },
  }
}

/** The CustomRun that Tekton's PipelineRun controller makes; `taskSpec.metadata` stays in `customSpec`. */
export function customRunOf(child: Child, params: readonly Param[]): object {
  const { taskRef, taskSpec, retries, workspaces } = child.task
  return {
    ...base(child, { apiVersion: 'tekton.dev/v1beta1', kind: 'CustomRun' }),
    spec: present({
      customRef: taskRef,
      customSpec:
        taskSpec === undefined ? undefined : present({ ...pick(taskSpec, 'apiVersion', 'kind', 'metadata', 'spec') }),
      params: params.length === 0 ? undefined : params,
      serviceAccountName: serviceAccountOf(child),
      timeout: timeoutOf(child),
      retries,
      workspaces,
    }),
  }
}

function pick(value: Readonly<Record<string, unknown>>, ...keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, value[key]]))
}

/** The TaskRun; labels of `taskRunSpecs[].metadata` win over the controller's own, which is how they can be forged. */
export function taskRunOf(child: Child, params: readonly Param[]): object {
  const { taskRef, taskSpec, retries, workspaces } = child.task
  const manifest = base(child, { apiVersion: 'tekton.dev/v1', kind: 'TaskRun' })
  const ofTask = isObject(taskSpec?.['metadata']) ? taskSpec['metadata'] : {}
  const ofRun = specOf(child)?.metadata ?? {}
  return {
    ...manifest,
    metadata: {
      ...manifest.metadata,
      labels: { ...(ofTask['labels'] as object), ...manifest.metadata.labels, ...ofRun.labels },
      annotations: { ...(ofTask['annotations'] as object), ...manifest.metadata.annotations, ...ofRun.annotations },
    },
    spec: present({
      taskRef: taskRef === undefined ? undefined : { kind: 'Task', ...taskRef },
      taskSpec: taskSpec === undefined ? undefined : omit(taskSpec, 'metadata'),
      params: params.length === 0 ? undefined : params,
      serviceAccountName: serviceAccountOf(child),
      timeout: timeoutOf(child) ?? '1h0m0s',
      retries,
      workspaces,
      podTemplate: specOf(child)?.podTemplate ?? child.run.spec.taskRunTemplate?.podTemplate,
    }),
  }
}
