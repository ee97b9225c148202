import { rfc3339 } from '../../../core/clock.ts'
import { type KubeObject, resources } from '../../../core/io/kube/api.ts'
import type { FakeKube } from '../kube/server.ts'
import { ApiError } from '../kube/status.ts'
import { type Child, customRunOf, isCustomTask, taskRunOf } from './children.ts'
import { type Children, planRun, resultLookup, type Step } from './plan.ts'
import { isDone, type Outcome, type PipelineRun, type PipelineSpec, type PipelineTask } from './shapes.ts'
import { type Lookup, substitute, type Value } from './substitution.ts'

const pipelines = { group: 'tekton.dev', version: 'v1', plural: 'pipelines', isNamespaced: true }

const endings: Readonly<Record<string, { readonly customRun: string; readonly taskRun: string }>> = {
  cancelled: {
    customRun: 'CustomRun cancelled as the PipelineRun it belongs to has been cancelled.',
    taskRun: 'TaskRun cancelled as the PipelineRun it belongs to has been cancelled.',
  },
  timedOut: {
    customRun: 'CustomRun cancelled as the PipelineRun it belongs to has timed out.',
    taskRun: 'TaskRun cancelled as the PipelineRun it belongs to has timed out.',
  },
}

export interface PipelineRunReconciler {
  /** Takes the run one step on; nothing when it is done or gone. */
  reconcile(namespace: string, name: string): void
  /** Ends the run from outside: its children are told to stop, and it is done at once, without waiting for them. */
  stop(run: PipelineRun, how: 'cancelled' | 'timedOut'): void
  /** Marks the run done, whatever its tasks do. */
  finish(run: PipelineRun, outcome: Outcome): void
}

/** What Tekton's PipelineRun controller does, for the parts of a pipeline that concern identity and tokens. */
export function createPipelineRunReconciler({
  objects,
  clock,
}: Pick<FakeKube, 'objects' | 'clock'>): PipelineRunReconciler {
  function childrenOf({ metadata }: PipelineRun): readonly KubeObject[] {
    const all = [resources.customRuns, resources.taskRuns].flatMap((kind) => [
      ...objects.list(kind, metadata.namespace),
    ])
    return all.filter(
      (child) =>
        child.metadata.labels?.['tekton.dev/pipelineRunUID'] === metadata.uid &&
        child.metadata.ownerReferences?.[0]?.uid === metadata.uid,
    )
  }

  function setStatus(run: PipelineRun, status: object): PipelineRun {
    return objects.patchStatus(resources.pipelineRuns, run.metadata, status)
  }

  function condition({ status, reason, message }: Outcome): object {
    return { type: 'Succeeded', status, reason, message, lastTransitionTime: rfc3339(clock()) }
  }

  function finish(run: PipelineRun, outcome: Outcome, more: object = {}): void {
    if (isDone(run)) return
    setStatus(run, { ...more, conditions: [condition(outcome)], completionTime: rfc3339(clock()) })
  }

  function start(run: PipelineRun): PipelineRun | undefined {
    const { namespace = '', name } = run.metadata
    const reference = run.spec.pipelineRef?.name
    const pipeline = reference === undefined ? undefined : objects.get(pipelines, { namespace, name: reference })
    const spec = (run.spec.pipelineSpec ?? pipeline?.spec) as PipelineSpec | undefined
    if (spec === undefined) {
      finish(run, { status: 'False', reason: 'CouldntGetPipeline', message: `pipeline ${reference} not found` })
      return undefined
    }
    if (reference !== undefined)
      objects.patch(
        resources.pipelineRuns,
        { namespace, name },
        { metadata: { labels: { 'tekton.dev/pipeline': reference } } },
      )
    return setStatus(run, {
      startTime: rfc3339(clock()),
      pipelineSpec: filledSpec(spec, run, reference ?? name),
      conditions: [condition({ status: 'Unknown', reason: 'Running', message: 'Tasks Completed: 0' })],
    })
  }

  function record(run: PipelineRun, children: readonly KubeObject[]): void {
    const childReferences = children.map(({ apiVersion, kind, metadata }) => ({
      apiVersion,
      kind,
      name: metadata.name,
      pipelineTaskName: metadata.labels?.['tekton.dev/pipelineTask'] ?? '',
    }))
    setStatus(run, { childReferences })
  }

  function create(run: PipelineRun, task: PipelineTask, memberOf: 'tasks' | 'finally'): void {
    const child: Child = { run, task, memberOf }
    const make = isCustomTask(task) ? customRunOf : taskRunOf
    try {
      objects.create(make(child, task.params ?? []))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      finish(run, { status: 'False', reason: 'CreateRunFailed', message: error.message })
    }
  }

  function take(run: PipelineRun, step: Step, children: Children): void {
    if (step.kind === 'create') create(run, step.task, step.memberOf)
    else if (step.kind === 'done') conclude(run, step, children)
    else finish(run, { status: 'False', reason: 'InvalidTaskResultReference', message: step.message })
  }

  function conclude(run: PipelineRun, step: Extract<Step, { kind: 'done' }>, children: Children): void {
    const { failed, skipped } = step
    const counts = `Failed: ${failed.length}, Cancelled 0), Skipped: ${skipped.length}`
    const message = `Tasks Completed: ${children.size} (${counts}`
    const results = (run.status?.pipelineSpec?.results ?? []).map(({ name, value }) => {
      return { name, value: substitute(value, resultLookup(children)) }
    })
    const skippedTasks = skipped.map((name) => ({ name, reason: 'When Expressions evaluated to false' }))
    const reason = skipped.length > 0 ? 'Completed' : 'Succeeded'
    if (failed.length > 0) finish(run, { status: 'False', reason: 'Failed', message }, { skippedTasks })
    else finish(run, { status: 'True', reason, message }, { skippedTasks, results })
  }

  function stop(run: PipelineRun, how: 'cancelled' | 'timedOut'): void {
    if (isDone(run)) return
    for (const { kind, metadata } of childrenOf(run)) {
      const isCustom = kind === 'CustomRun'
      const status = isCustom ? 'RunCancelled' : 'TaskRunCancelled'
      const statusMessage = endings[how]?.[isCustom ? 'customRun' : 'taskRun']
      const resource = isCustom ? resources.customRuns : resources.taskRuns
      objects.patch(resource, metadata, { spec: { status, statusMessage } })
    }
    const { name } = run.metadata
    const outcome: Outcome =
      how === 'cancelled'
        ? { status: 'False', reason: 'Cancelled', message: `PipelineRun "${name}" was cancelled` }
        : {
            status: 'False',
            reason: 'PipelineRunTimeout',
            message: `PipelineRun "${name}" failed to finish within time`,
          }
    finish(run, outcome)
  }

  function reconcile(namespace: string, name: string): void {
    const found = objects.get<PipelineRun>(resources.pipelineRuns, { namespace, name })
    if (found === undefined || isDone(found) || found.metadata.deletionTimestamp !== undefined) return
    if (found.spec.status === 'PipelineRunPending') return
    const run = found.status?.startTime === undefined ? start(found) : found
    const spec = run?.status?.pipelineSpec
    if (run === undefined || spec === undefined) return
    if ((run.spec.status ?? '') === '') proceed(run, spec)
    else stop(run, 'cancelled')
  }

  function proceed(run: PipelineRun, spec: PipelineSpec): void {
    const before = childrenByTask(childrenOf(run))
    for (const step of planRun(spec, before)) take(run, step, before)
    record(run, childrenOf(run))
  }

  return Object.freeze({ reconcile, stop, finish })
}

function childrenByTask(children: readonly KubeObject[]): Children {
  return new Map(children.map((child) => [child.metadata.labels?.['tekton.dev/pipelineTask'] ?? '', child]))
}

/** `status.pipelineSpec`: the pipeline with params and context filled in, results still as variables. */
function filledSpec(spec: PipelineSpec, run: PipelineRun, pipelineName: string): unknown {
  const params = new Map<string, Value>()
  for (const { name, default: value } of spec.params ?? []) if (value !== undefined) params.set(name, value)
  for (const { name, value } of run.spec.params ?? []) params.set(name, value)
  const { name, namespace = '', uid } = run.metadata
  const context: Readonly<Record<string, string>> = {
    'context.pipelineRun.name': name,
    'context.pipelineRun.namespace': namespace,
    'context.pipelineRun.uid': uid,
    'context.pipeline.name': pipelineName,
  }
  const lookup: Lookup = (variable) => paramValue(params, variable) ?? context[variable]
  return substitute(spec, lookup)
}

/** `params.name`, or `params.name.key` of an object param. */
function paramValue(params: ReadonlyMap<string, Value>, variable: string): Value | undefined {
  if (!variable.startsWith('params.')) return undefined
  const rest = variable.slice('params.'.length)
  const whole = params.get(rest)
  if (whole !== undefined) return whole
  const [name = '', key = ''] = rest.split('.')
  const found = params.get(name)
  return typeof found === 'object' && !Array.isArray(found)
    ? (found as Readonly<Record<string, string>>)[key]
    : undefined
}
