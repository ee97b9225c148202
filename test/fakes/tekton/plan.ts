import type { KubeObject } from '../../../core/io/kube/api.ts'
import { isDone, outcomeOf, type PipelineSpec, type PipelineTask, resultsOf } from './shapes.ts'
import { type Lookup, referencedTasks, substitute } from './substitution.ts'

/** Children by pipeline task. */
export type Children = ReadonlyMap<string, KubeObject>

/** What to do next about a run. */
export type Step =
  | { readonly kind: 'create'; readonly task: PipelineTask; readonly memberOf: 'tasks' | 'finally' }
  | { readonly kind: 'done'; readonly failed: readonly string[]; readonly skipped: readonly string[] }
  | { readonly kind: 'invalid'; readonly message: string }

/** Results of finished tasks; what is not there (yet) stays as it is written. */
export function resultLookup(children: Children): Lookup {
  return (variable) => {
    const [, task = '', result = ''] = /^tasks\.([^.]+)\.results\.(.+)$/.exec(variable) ?? []
    const child = children.get(task)
    return child === undefined ? undefined : resultsOf(child).get(result)
  }
}

function statusLookup(children: Children, failed: readonly string[]): Lookup {
  const statusOf = (child: KubeObject | undefined) => {
    if (child === undefined) return 'None'
    return outcomeOf(child).status === 'True' ? 'Succeeded' : 'Failed'
  }
  return (variable) => {
    if (variable === 'tasks.status') return failed.length === 0 ? 'Succeeded' : 'Failed'
    const [, task = ''] = /^tasks\.([^.]+)\.status$/.exec(variable) ?? []
    return task === '' ? undefined : statusOf(children.get(task))
  }
}

function isChosen({ when = [] }: PipelineTask): boolean {
  return when.every(({ input, operator, values }) => values.includes(input) === (operator === 'in'))
}

function hasFailed({ onError }: PipelineTask, child: KubeObject | undefined): boolean {
  return child !== undefined && outcomeOf(child).status === 'False' && onError !== 'continue'
}

interface Progress {
  readonly steps: readonly Step[]
  readonly isOver: boolean
  readonly failed: readonly string[]
  readonly skipped: ReadonlySet<string>
}

function advance(spec: PipelineSpec, children: Children): Progress {
  const skipped = new Set<string>()
  const failed = spec.tasks.filter((task) => hasFailed(task, children.get(task.name))).map(({ name }) => name)
  const steps: Step[] = []
  let isOver = true
  for (const task of inOrder(spec.tasks)) {
    const child = children.get(task.name)
    if (child !== undefined) {
      isOver &&= isDone(child)
      continue
    }
    const used = referencedTasks(task)
    const before = [...new Set([...used, ...(task.runAfter ?? [])])]
    const isReady = before.every((name) => skipped.has(name) || isFinished(children.get(name)))
    const filled = substitute(task, resultLookup(children)) as PipelineTask
    if (failed.length > 0 || used.some((name) => skipped.has(name))) skipped.add(task.name)
    else if (!isReady) isOver = false
    else if (!isChosen(filled)) skipped.add(task.name)
    else {
      isOver = false
      steps.push(creation(filled, 'tasks'))
    }
  }
  return { steps, isOver, failed, skipped }
}

function isFinished(child: KubeObject | undefined): boolean {
  return child !== undefined && isDone(child)
}

/** Tasks so that each stands behind those it depends on. */
function inOrder(tasks: readonly PipelineTask[]): readonly PipelineTask[] {
  const sorted: PipelineTask[] = []
  const visit = (task: PipelineTask, path: readonly string[]) => {
    if (sorted.includes(task) || path.includes(task.name)) return
    for (const name of [...referencedTasks(task), ...(task.runAfter ?? [])]) {
      const earlier = tasks.find((other) => other.name === name)
      if (earlier !== undefined) visit(earlier, [...path, task.name])
    }
    sorted.push(task)
  }
  for (const task of tasks) visit(task, [])
  return sorted
}

function creation(task: PipelineTask, memberOf: 'tasks' | 'finally'): Step {
  const [missing] = referencedTasks(task)
  if (missing === undefined) return { kind: 'create', task, memberOf }
  const message = `invalid result reference in pipeline task "${task.name}": task "${missing}" has no such result`
  return { kind: 'invalid', message }
}

/** The next steps of a run whose children are these; pure. */
export function planRun(spec: PipelineSpec, children: Children): readonly Step[] {
  const { steps, isOver, failed, skipped } = advance(spec, children)
  if (!isOver) return steps
  const last = spec.finally ?? []
  const open = last.filter(({ name }) => !children.has(name))
  if (open.length > 0) {
    const statuses = statusLookup(children, failed)
    const results = resultLookup(children)
    return open.map((task) => {
      const filled = substitute(task, (variable) => statuses(variable) ?? results(variable)) as PipelineTask
      return creation(filled, 'finally')
    })
  }
  if (!last.every(({ name }) => isFinished(children.get(name)))) return []
  const failedLast = last.filter((task) => hasFailed(task, children.get(task.name))).map(({ name }) => name)
  return [{ kind: 'done', failed: [...failed, ...failedLast], skipped: [...skipped] }]
}
