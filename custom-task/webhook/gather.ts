import { type KubeClient, type KubeObject, resources } from '../../core/io/kube/api.ts'
import { type CustomRun, parseCustomRun } from '../../core/tekton/custom-run.ts'
import { controllerOf } from '../../core/tekton/fields.ts'
import { type PipelineRun, parsePipelineRun, pipelineTaskOfChild } from '../../core/tekton/pipeline-run.ts'
import { pipelineTaskNamed } from '../../core/tekton/pipeline-spec.ts'
import { parseTaskRun, type TaskRun } from '../../core/tekton/task-run.ts'
import { customRunsOf, tokenExchangesBefore } from '../../core/tekton/token-exchange-tasks.ts'
import { exchangeAsks } from './exchange-asks.ts'
import type { MergedAsks } from './token-ask.ts'

/** The TaskRun that a pod names as its controller. */
export interface MakerRef {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

/** What the pod's run says about it. */
export type Origin =
  /** The TaskRun that the pod names is not there: no pod of Tekton's. */
  { readonly kind: 'unknown' } | { readonly kind: 'known'; readonly fromPipeline: MergedAsks }

type Read = Pick<KubeClient, 'get'>

const nothing: MergedAsks = { asks: [], complaints: [] }

/**
 * Walks from the pod's TaskRun to its PipelineRun, by UID, and to the TokenExchange tasks that ran before. Reads the API
 * server itself: a cache could be behind Tekton, which makes the pod some 20 ms after the CustomRun was done.
 *
 * @throws what the API server's client throws; then nobody knows whether the pod is to get a token
 */
export async function gather(maker: MakerRef, kube: Read, signal: AbortSignal): Promise<Origin> {
  const { namespace } = maker
  const taskRun = parseTaskRun(await kube.get<KubeObject>(resources.taskRuns, maker, signal))
  if (taskRun?.metadata.uid !== maker.uid) return { kind: 'unknown' }
  const parent = controllerOf(taskRun.metadata)
  if (parent?.apiVersion !== 'tekton.dev/v1' || parent.kind !== 'PipelineRun') return alone
  const ref = { namespace, name: parent.name }
  const pipelineRun = parsePipelineRun(await kube.get<KubeObject>(resources.pipelineRuns, ref, signal))
  if (pipelineRun?.metadata.uid !== parent.uid) return alone
  return { kind: 'known', fromPipeline: await fromPipeline(pipelineRun, taskRun, kube, signal) }
}

const alone: Origin = { kind: 'known', fromPipeline: nothing }

async function fromPipeline(
  pipelineRun: PipelineRun,
  taskRun: TaskRun,
  kube: Read,
  signal: AbortSignal,
): Promise<MergedAsks> {
  const spec = pipelineRun.status.pipelineSpec
  const taskName = pipelineTaskOf(pipelineRun, taskRun)
  if (spec === undefined || taskName === undefined) return nothing
  const names = customRunsOf(pipelineRun, tokenExchangesBefore(spec, taskName))
  const { namespace } = pipelineRun.metadata
  const objects = await Promise.all(
    names.map((name) => kube.get<KubeObject>(resources.customRuns, { namespace, name }, signal)),
  )
  const customRuns = objects.map(parseCustomRun).filter((one): one is CustomRun => one !== undefined)
  return exchangeAsks(pipelineRun, taskName, customRuns)
}

/**
 * Tekton names a child in the status a moment after it made it, later than the pod where a task has many. Until then the
 * TaskRun's label says it: a wrong one gets a pod a sidecar and nothing else, as the broker goes by the status alone.
 */
function pipelineTaskOf(pipelineRun: PipelineRun, taskRun: TaskRun): string | undefined {
  const { name, labels } = taskRun.metadata
  const named = pipelineTaskOfChild(pipelineRun, { kind: 'TaskRun', name }) ?? labels?.['tekton.dev/pipelineTask']
  const spec = pipelineRun.status.pipelineSpec
  return named !== undefined && spec !== undefined && pipelineTaskNamed(spec, named) !== undefined ? named : undefined
}
