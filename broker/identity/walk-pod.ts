import { noRun, type Run } from '../../core/identity/run.ts'
import type { WorkloadClaims } from '../../core/identity/workload.ts'
import { type KubeClient, type KubeObject, type ObjectRef, type Resource, resources } from '../../core/io/kube/api.ts'
import { kubeProblem } from '../../core/io/kube/refusal.ts'
import { Problem } from '../../core/problem.ts'
import { controllerOf, type Owner } from '../../core/tekton/fields.ts'
import {
  hasPipelineRunEnded,
  type PipelineRun,
  parsePipelineRun,
  pipelineRunDeadline,
  pipelineTaskOfChild,
} from '../../core/tekton/pipeline-run.ts'
import { type Pod, parsePod } from '../../core/tekton/pod.ts'
import { hasTaskRunEnded, parseTaskRun, type TaskRun, taskRunDeadline } from '../../core/tekton/task-run.ts'

/** Between the deletion of a run and that of its pods, nothing is issued to them any more. */
const deletedRun: Run = { ...noRun, hasEnded: true }

/**
 * From a pod to its run, by UID in both directions: pod → TaskRun (which names the pod) → PipelineRun (which names the
 * TaskRun). Labels are not looked at: anybody can write them. A link that only one side knows proves nothing, and the
 * pod then counts as one that no run made. An owner that is gone was deleted, and what it owned is about to be: the run
 * has ended. Tekton writes the far end of a link a moment after the near one: until then the caller has to ask again,
 * so that no token says less of its run than there is to say.
 *
 * @throws Problem `workload_gone` or `workload_mismatch` when the pod is not the one that the token is bound to;
 *   `run_unsettled` while a link has one end only
 */
export async function walkPod(workload: WorkloadClaims, kube: KubeClient, signal: AbortSignal): Promise<Run> {
  const { namespace } = workload
  const pod = requireSamePod(
    parsePod(await read(kube, resources.pods, { namespace, name: workload.pod.name }, signal)),
    workload,
  )
  const owner = controllerOf(pod.metadata)
  if (!isTekton(owner, 'TaskRun')) return noRun
  const taskRun = parseTaskRun(await read(kube, resources.taskRuns, { namespace, name: owner.name }, signal))
  if (taskRun?.metadata.uid !== owner.uid) return deletedRun
  if (!taskRun.status.podName && !hasTaskRunEnded(taskRun)) throw unsettled('the TaskRun names no pod yet')
  if (!isMadeBy(pod, taskRun)) return noRun
  const parent = controllerOf(taskRun.metadata)
  if (parent === undefined) return standalone(taskRun)
  if (!isTekton(parent, 'PipelineRun')) return noRun
  const pipelineRun = parsePipelineRun(
    await read(kube, resources.pipelineRuns, { namespace, name: parent.name }, signal),
  )
  if (pipelineRun?.metadata.uid !== parent.uid) return deletedRun
  return inPipeline(taskRun, pipelineRun)
}

/** Reads one object, and says what it means when the API server does not answer or refuses. */
export async function read(
  kube: KubeClient,
  resource: Resource,
  ref: ObjectRef,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  try {
    return await kube.get<KubeObject>(resource, ref, signal)
  } catch (cause) {
    throw kubeProblem(`reading ${resource.plural}`, cause)
  }
}

function requireSamePod(pod: Pod | undefined, workload: WorkloadClaims): Pod {
  if (pod === undefined || pod.metadata.uid !== workload.pod.uid) {
    throw new Problem('workload_gone', { detail: 'the pod of the token does not exist' })
  }
  if (
    pod.metadata.deletionTimestamp !== undefined ||
    pod.status.phase === 'Succeeded' ||
    pod.status.phase === 'Failed'
  ) {
    throw new Problem('workload_gone', { detail: 'the pod of the token has ended or is being deleted' })
  }
  if (pod.spec.serviceAccountName !== workload.serviceAccount.name) {
    throw new Problem('workload_mismatch', { detail: 'the pod runs as another ServiceAccount' })
  }
  if (workload.node !== undefined && pod.spec.nodeName !== workload.node.name) {
    throw new Problem('workload_mismatch', { detail: 'the pod runs on another node' })
  }
  return pod
}

function unsettled(detail: string): Problem {
  return new Problem('run_unsettled', { detail })
}

function isTekton(owner: Owner | undefined, kind: 'TaskRun' | 'PipelineRun'): owner is Owner {
  return owner?.apiVersion === 'tekton.dev/v1' && owner.kind === kind
}

function isMadeBy(pod: Pod, taskRun: TaskRun): boolean {
  return (
    taskRun.status.podName === pod.metadata.name &&
    (taskRun.spec.serviceAccountName || 'default') === pod.spec.serviceAccountName
  )
}

function standalone(taskRun: TaskRun): Run {
  return {
    ...noRun,
    assurance: 'claimed',
    taskRun: { name: taskRun.metadata.name, uid: taskRun.metadata.uid },
    hasEnded: hasTaskRunEnded(taskRun),
    deadline: taskRunDeadline(taskRun),
  }
}

/** The pipeline task comes from what Tekton's controller wrote into the PipelineRun's status. */
function inPipeline(taskRun: TaskRun, pipelineRun: PipelineRun): Run {
  const { name, uid } = taskRun.metadata
  const task = pipelineTaskOfChild(pipelineRun, { kind: 'TaskRun', name })
  if (task === undefined && !hasPipelineRunEnded(pipelineRun))
    throw unsettled('the PipelineRun lists no such TaskRun yet')
  if (task === undefined) return noRun
  return {
    ...pipelineRunFields(pipelineRun),
    task,
    taskRun: { name, uid },
    hasEnded: hasPipelineRunEnded(pipelineRun) || hasTaskRunEnded(taskRun),
    deadline: earliest(pipelineRunDeadline(pipelineRun), taskRunDeadline(taskRun)),
  }
}

/** What a PipelineRun says of the run, whoever of its children asks. */
export function pipelineRunFields(pipelineRun: PipelineRun): Run {
  return {
    ...noRun,
    assurance: 'claimed',
    pipeline: pipelineRun.spec.pipelineRef?.name,
    pipelineRun: { name: pipelineRun.metadata.name, uid: pipelineRun.metadata.uid },
    hasEnded: hasPipelineRunEnded(pipelineRun),
    deadline: pipelineRunDeadline(pipelineRun),
  }
}

function earliest(...dates: readonly (Date | undefined)[]): Date | undefined {
  const times = dates.flatMap((date) => (date === undefined ? [] : [date.getTime()]))
  return times.length === 0 ? undefined : new Date(Math.min(...times))
}
