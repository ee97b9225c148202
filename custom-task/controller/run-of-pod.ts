import { type KubeClient, type KubeObject, resources } from '../../core/io/kube/api.ts'
import { controllerOf } from '../../core/tekton/fields.ts'
import { hasPipelineRunEnded, parsePipelineRun, pipelineTaskOfChild } from '../../core/tekton/pipeline-run.ts'
import { hasTaskRunEnded, parseTaskRun, type TaskRun } from '../../core/tekton/task-run.ts'
import type { RefusedPod } from './refused-pod.ts'

/** Whose pod it was. */
export type PodOrigin =
  | {
      readonly kind: 'found'
      readonly taskRun: KubeObject
      readonly pipelineRun: KubeObject | undefined
      /** There is a PipelineRun, and Tekton has not written yet that the TaskRun is its child. */
      readonly isParentUnsettled: boolean
    }
  /** Tekton has not written yet which pod it made. */
  | { readonly kind: 'unsettled' }
  /** Made by hand, or its run is gone. */
  | { readonly kind: 'stranger' }

/**
 * Walks from a pod to its run, by UID in both directions: what a pod says of itself can be forged, but not that the
 * TaskRun names the pod and the PipelineRun the TaskRun.
 */
export async function runOfPod(
  { namespace, name, taskRun: ref }: RefusedPod,
  kube: Pick<KubeClient, 'get'>,
  signal: AbortSignal,
): Promise<PodOrigin> {
  const object = await kube.get<KubeObject>(resources.taskRuns, { namespace, name: ref.name }, signal)
  const taskRun = parseTaskRun(object)
  if (object === undefined || taskRun?.metadata.uid !== ref.uid) return { kind: 'stranger' }
  if (!podsOf(taskRun).includes(name)) return { kind: isSettled(taskRun) ? 'stranger' : 'unsettled' }
  return { kind: 'found', taskRun: object, ...(await parentOf(taskRun, kube, signal)) }
}

function podsOf({ status }: TaskRun): readonly (string | undefined)[] {
  return [status.podName, ...status.retriesStatus.map((one) => one.podName)]
}

function isSettled(taskRun: TaskRun): boolean {
  return hasTaskRunEnded(taskRun) || Boolean(taskRun.status.podName)
}

async function parentOf(
  taskRun: TaskRun,
  kube: Pick<KubeClient, 'get'>,
  signal: AbortSignal,
): Promise<Pick<Extract<PodOrigin, { kind: 'found' }>, 'pipelineRun' | 'isParentUnsettled'>> {
  const parent = controllerOf(taskRun.metadata)
  if (parent?.apiVersion !== 'tekton.dev/v1' || parent.kind !== 'PipelineRun') return noParent
  const { namespace, name } = taskRun.metadata
  const object = await kube.get<KubeObject>(resources.pipelineRuns, { namespace, name: parent.name }, signal)
  const pipelineRun = parsePipelineRun(object)
  if (pipelineRun?.metadata.uid !== parent.uid) return noParent
  const isNamed = pipelineTaskOfChild(pipelineRun, { kind: 'TaskRun', name }) !== undefined
  return isNamed
    ? { pipelineRun: object, isParentUnsettled: false }
    : { pipelineRun: undefined, isParentUnsettled: !hasPipelineRunEnded(pipelineRun) }
}

const noParent = { pipelineRun: undefined, isParentUnsettled: false } as const
