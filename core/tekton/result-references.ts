import type { PipelineTask } from './pipeline-spec.ts'

/** Tekton's variables, `$(a.b.c)` with an optional index. */
const variable = /\$\(([\w.-]+)(?:\[(?:\d+|\*)\])?\)/g

/**
 * Names of the pipeline tasks whose results a task uses, where use makes an order: params (of the matrix too), `when`,
 * and the steps and sidecars of an embedded spec. As `Deps` of Tekton's PipelineTask sees it.
 */
export function referencedTasks(task: PipelineTask): ReadonlySet<string> {
  const matrix = [task.matrix?.params ?? [], ...(task.matrix?.include.map((one) => one.params) ?? [])]
  const sources = [task.params, matrix, task.when, task.taskSpec?.steps, task.taskSpec?.sidecars]
  const names = sources.flatMap(texts).flatMap(resultOwners)
  return new Set(names)
}

function resultOwners(text: string): readonly string[] {
  return [...text.matchAll(variable)].flatMap(([, path = '']) => {
    const [scope, task, kind, ...result] = path.split('.')
    const isResult = scope === 'tasks' && task !== undefined && kind === 'results' && result.length > 0
    return isResult && result.length <= 2 ? [task] : []
  })
}

function texts(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(texts)
}
