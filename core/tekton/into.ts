import {
  isChildPipeline,
  isCustomTask,
  type PipelineSpec,
  type PipelineTask,
  pipelineTaskNamed,
} from './pipeline-spec.ts'
import { unknownStep } from './pipeline-task-steps.ts'
import { referencedTasks } from './result-references.ts'
import type { TokenExchangeParams } from './token-exchange-params.ts'

export type ResolvedInto =
  | { readonly ok: true; readonly tasks: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] }

/** The pipeline tasks that depend on this one directly, by `runAfter` or by using its results; sorted names. */
export function tasksBehind(spec: PipelineSpec, taskName: string): readonly string[] {
  return all(spec)
    .filter((task) => dependsOn(task, taskName))
    .map((task) => task.name)
    .sort()
}

/** Every pipeline task that runs after this one: its dependants, theirs, and all of `finally`. */
export function tasksAfter(spec: PipelineSpec, taskName: string): ReadonlySet<string> {
  // Tasks of `finally` run side by side: nothing runs after one of them.
  if (spec.finally.some((task) => task.name === taskName)) return new Set()
  const found = new Set<string>(spec.finally.map((task) => task.name))
  const pending = [taskName]
  for (let current = pending.pop(); current !== undefined; current = pending.pop()) {
    const next = tasksBehind(spec, current).filter((name) => !found.has(name))
    for (const name of next) found.add(name)
    pending.push(...next)
  }
  return found
}

/**
 * The pipeline tasks that the token of a TokenExchange task goes into: what `into` names, else its direct dependants.
 * Problems are clauses that say the mend; task names in them come from the pipeline or have the form of one.
 */
export function resolveInto(spec: PipelineSpec, taskName: string, params: TokenExchangeParams): ResolvedInto {
  if (params.deliver === 'none') return { ok: true, tasks: [] }
  const behind = tasksBehind(spec, taskName).filter((name) => runsPod(spec, name))
  const after = tasksAfter(spec, taskName)
  const tasks = [...(params.into ?? behind)].sort()

  const problems = [
    ...tasks.flatMap((name) => intoProblems(spec, { name, taskName, after })),
    ...stepProblems(tasks, params.steps ?? []),
    ...(params.steps ?? []).flatMap((step) => unknownStep(pipelineTaskNamed(spec, step.task), step.step)),
  ]
  if (tasks.length === 0) problems.push(nobodyBehind(spec, { taskName, after }))
  return problems.length === 0 ? { ok: true, tasks } : { ok: false, problems }
}

/** A sentence holds no more. */
const maxListed = 32

interface Place {
  readonly name: string
  readonly taskName: string
  readonly after: ReadonlySet<string>
}

function intoProblems(spec: PipelineSpec, { name, taskName, after }: Place): readonly string[] {
  const task = pipelineTaskNamed(spec, name)
  if (task === undefined)
    return [`param into names ${name}, which is no task of the pipeline${itsTasks(spec, taskName)}`]
  if (!after.has(name)) {
    return [`task ${name} does not run after ${taskName}: add runAfter: [${taskName}] to task ${name}`]
  }
  if (isCustomTask(task)) return [`task ${name} is a custom task and runs no pod: leave it out of into`]
  if (!isChildPipeline(task)) return []
  return [`task ${name} is a pipeline of its own: put a TokenExchange task into that pipeline and leave it out of into`]
}

function itsTasks(spec: PipelineSpec, taskName: string): string {
  const names = all(spec).flatMap(({ name }) => (name !== taskName && runsPod(spec, name) ? [name] : []))
  return names.length === 0 ? '' : `: its tasks are ${names.slice(0, maxListed).join(', ')}`
}

function stepProblems(tasks: readonly string[], steps: readonly { readonly task: string }[]): readonly string[] {
  const outside = steps.map((step) => step.task).filter((task) => !tasks.includes(task))
  return [...new Set(outside)].map((task) => `param steps names task ${task}, which gets no token: add it to into`)
}

function nobodyBehind(spec: PipelineSpec, { taskName, after }: Omit<Place, 'name'>): string {
  const candidates = [...after].filter((name) => runsPod(spec, name)).sort()
  const mend =
    candidates.length === 0
      ? `add runAfter: [${taskName}] to the task that needs the token`
      : `add runAfter: [${taskName}] to the task that needs the token, or name it in param into (${candidates.join(', ')})`
  return `no task that runs a pod depends on ${taskName}: ${mend}, or set param deliver to none`
}

function dependsOn(task: PipelineTask, taskName: string): boolean {
  return task.runAfter.includes(taskName) || referencedTasks(task).has(taskName)
}

function runsPod(spec: PipelineSpec, name: string): boolean {
  const task = pipelineTaskNamed(spec, name)
  return task !== undefined && !isCustomTask(task) && !isChildPipeline(task)
}

function all(spec: PipelineSpec): readonly PipelineTask[] {
  return [...spec.tasks, ...spec.finally]
}
