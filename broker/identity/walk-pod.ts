import { isMarkedAgent } from '../../core/identity/agent-mark.ts'
import { initiatorAnnotation, parseInitiator } from '../../core/identity/initiator.ts'
import { noRun, type Run } from '../../core/identity/run.ts'
import type { WorkloadClaims } from '../../core/identity/workload.ts'
import { type KubeClient, type KubeObject, type ObjectRef, type Resource, resources } from '../../core/io/kube/api.ts'
import { kubeProblem } from '../../core/io/kube/refusal.ts'
import { Problem } from '../../core/problem.ts'
import { controllerOf, type Owner } from '../../core/tekton/fields.ts'
import {
  hasPipelineRunEnded,
  hasPodTemplate,
  type PipelineRun,
  parsePipelineRun,
  pipelineRunDeadline,
  pipelineTaskOfChild,
} from '../../core/tekton/pipeline-run.ts'
import { type Pod, parsePod, podAddresses } from '../../core/tekton/pod.ts'
import { podDifferences } from '../../core/tekton/pod-images.ts'
import { reachesIntoSteps } from '../../core/tekton/provenance.ts'
import { pipelineSource, taskSource } from '../../core/tekton/run-source.ts'
import { sameTask } from '../../core/tekton/task-pinning.ts'
import { hasTaskRunEnded, parseTaskRun, type TaskRun, taskRunDeadline } from '../../core/tekton/task-run.ts'
import { triggerClaim } from '../../core/tekton/trigger.ts'
import { pipelineRunFields } from './pipeline-run-fields.ts'
import { claimed, compared, inOrder, proved, sourceEvidence, type Walked, walkedNowhere } from './walked.ts'

/** Between the deletion of a run and that of its pods, nothing is issued to them any more. */
const deletedRun: Run = { ...noRun, hasEnded: true }

/**
 * From a pod to its run, by UID in both directions: pod → TaskRun (which names the pod) → PipelineRun (which names the
 * TaskRun). Labels are not looked at: anybody can write them. A link that only one side knows proves nothing, and the
 * pod then counts as one that no run made. An owner that is gone was deleted, and what it owned is about to be: the run
 * has ended. Tekton writes the far end of a link a moment after the near one: until then the caller has to ask again,
 * so that no token says less of its run than there is to say.
 *
 * What the objects say is compared too, and each comparison kept as evidence: the TaskRun with the pipeline, the images
 * of the pod with the TaskRun. A TaskRun that is not what the pipeline says stays a part of the run, which has to end
 * what it was given, but is no task of the pipeline.
 *
 * @throws Problem `workload_gone` or `workload_mismatch` when the pod is not the one that the token is bound to;
 *   `run_unsettled` while a link has one end only
 */
export async function walkPod(workload: WorkloadClaims, kube: KubeClient, signal: AbortSignal): Promise<Walked> {
  const { namespace } = workload
  const pod = requireSamePod(
    parsePod(await read(kube, resources.pods, { namespace, name: workload.pod.name }, signal)),
    workload,
  )
  const walked = await walkFrom(pod, kube, signal)
  return isMarkedAgent(pod.metadata) ? { ...walked, run: { ...walked.run, isMarkedAgent: true } } : walked
}

async function walkFrom(pod: Pod, kube: KubeClient, signal: AbortSignal): Promise<Walked> {
  const { namespace } = pod.metadata
  const owner = controllerOf(pod.metadata)
  if (owner === undefined && isOrphan(pod, 'tekton.dev/taskRun')) return walkedNowhere(deletedRun, podAddresses(pod))
  if (!isTekton(owner, 'TaskRun')) return noRunAt(pod, 'pod', 'no TaskRun owns it')
  const taskRun = parseTaskRun(await read(kube, resources.taskRuns, { namespace, name: owner.name }, signal))
  if (taskRun?.metadata.uid !== owner.uid) return walkedNowhere(deletedRun, podAddresses(pod))
  if (!taskRun.status.podName && !hasTaskRunEnded(taskRun)) throw unsettled('the TaskRun names no pod yet')
  if (!isMadeBy(pod, taskRun)) return noRunAt(pod, 'task-run', 'it names another pod or ServiceAccount')
  const parent = controllerOf(taskRun.metadata)
  if (parent === undefined && taskRun.metadata.ownerReferences.every(isNoRun)) {
    return isOrphan(taskRun, 'tekton.dev/pipelineRun')
      ? walkedNowhere(deletedRun, podAddresses(pod))
      : standalone(pod, taskRun)
  }
  if (!isTekton(parent, 'PipelineRun')) return noRunAt(pod, 'task-run', 'something else than a PipelineRun owns it')
  const pipelineRun = parsePipelineRun(
    await read(kube, resources.pipelineRuns, { namespace, name: parent.name }, signal),
  )
  if (pipelineRun?.metadata.uid !== parent.uid) return walkedNowhere(deletedRun, podAddresses(pod))
  return inPipeline(pod, taskRun, pipelineRun)
}

function noRunAt(pod: Pod, hop: string, why: string): Walked {
  return walkedNowhere({ ...noRun, evidence: [claimed(hop, why)] }, podAddresses(pod))
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

/** Tekton is the controller of what it makes; a run that is only named as an owner made nothing. */
function isNoRun({ apiVersion }: Owner): boolean {
  return !apiVersion.startsWith('tekton.dev/')
}

/**
 * A child whose parent was deleted while its children were kept (`--cascade=orphan`): that run has ended, and what was
 * withdrawn from it does not come back to its task. Admission keeps the labels that Tekton gave it, and they only restrict.
 */
function isOrphan({ metadata: { labels } }: Pod | TaskRun, label: string): boolean {
  return labels?.[label] !== undefined || labels?.[`${label}UID`] !== undefined
}

function isMadeBy(pod: Pod, taskRun: TaskRun): boolean {
  return (
    taskRun.status.podName === pod.metadata.name &&
    (taskRun.spec.serviceAccountName || 'default') === pod.spec.serviceAccountName
  )
}

function standalone(pod: Pod, taskRun: TaskRun): Walked {
  const { metadata, spec, status } = taskRun
  const found = taskSource(taskRun, undefined)
  const run: Run = {
    ...noRun,
    assurance: 'claimed',
    taskRun: { name: metadata.name, uid: metadata.uid },
    taskSource: found.source,
    hasPodTemplate: reachesIntoSteps(spec.podTemplate),
    trigger: triggerClaim(metadata.labels),
    hasEnded: hasTaskRunEnded(taskRun),
    deadline: taskRunDeadline(taskRun),
    evidence: [
      proved('pod'),
      proved('task-run'),
      compared('images', podDifferences(pod, taskRun)),
      inOrder([{ kind: 'Pod', createdAt: pod.metadata.creationTimestamp, startedAt: status.startTime }]),
      ...sourceEvidence(undefined, found),
    ],
  }
  return walkedOf(run, pod, [taskRun])
}

/** The pipeline task comes from what Tekton's controller wrote into the PipelineRun's status. */
function inPipeline(pod: Pod, taskRun: TaskRun, pipelineRun: PipelineRun): Walked {
  const { name, uid } = taskRun.metadata
  const task = pipelineTaskOfChild(pipelineRun, { kind: 'TaskRun', name })
  if (task === undefined && !hasPipelineRunEnded(pipelineRun))
    throw unsettled('the PipelineRun lists no such TaskRun yet')
  if (task === undefined) return noRunAt(pod, 'pipeline-run', 'it does not list the TaskRun')
  const differences = sameTask(taskRun, pipelineRun, task)
  const fromPipeline = pipelineSource(pipelineRun)
  const found = taskSource(taskRun, fromPipeline)
  const run: Run = {
    ...pipelineRunFields(pipelineRun),
    task: differences.length === 0 ? task : undefined,
    taskRun: { name, uid },
    taskSource: found.source,
    hasPodTemplate: reachesIntoSteps(taskRun.spec.podTemplate) || hasPodTemplate(pipelineRun, [task]),
    hasEnded: hasPipelineRunEnded(pipelineRun) || hasTaskRunEnded(taskRun),
    deadline: earliest(pipelineRunDeadline(pipelineRun), taskRunDeadline(taskRun)),
    evidence: [
      proved('pod'),
      proved('task-run'),
      proved('pipeline-run'),
      compared('pipeline-task', differences),
      compared('images', podDifferences(pod, taskRun)),
      inOrder([
        { kind: 'Pod', createdAt: pod.metadata.creationTimestamp, startedAt: taskRun.status.startTime },
        {
          kind: 'TaskRun',
          createdAt: taskRun.metadata.creationTimestamp,
          startedAt: pipelineRun.status.startTime,
        },
      ]),
      ...sourceEvidence(fromPipeline, found),
    ],
  }
  return walkedOf(run, pod, [taskRun, pipelineRun])
}

/** The last of the objects is the run. */
function walkedOf(run: Run, pod: Pod, objects: readonly (TaskRun | PipelineRun)[]): Walked {
  return {
    run: { ...run, isMarkedAgent: isMarkedAgent(...objects.map(({ metadata }) => metadata)) },
    objects: [pod, ...objects].map(({ kind, metadata }) => ({ kind, createdAt: metadata.creationTimestamp })),
    addresses: podAddresses(pod),
    stamp: parseInitiator(objects.at(-1)?.metadata.annotations?.[initiatorAnnotation]),
  }
}

function earliest(...dates: readonly (Date | undefined)[]): Date | undefined {
  const times = dates.flatMap((date) => (date === undefined ? [] : [date.getTime()]))
  return times.length === 0 ? undefined : new Date(Math.min(...times))
}
