import { z } from 'zod'
import { list, optional, param, paramValue } from './fields.ts'

const taskRef = z.object({
  apiVersion: optional(z.string()),
  kind: optional(z.string()),
  name: optional(z.string()),
  resolver: optional(z.string()),
  params: list(param),
})

const stepTexts = z.looseObject({ name: optional(z.string()) })

const pipelineTask = z.object({
  name: z.string(),
  taskRef: optional(taskRef),
  taskSpec: optional(
    z.object({
      apiVersion: optional(z.string()),
      kind: optional(z.string()),
      steps: list(stepTexts),
      sidecars: list(stepTexts),
    }),
  ),
  /** A child pipeline, by reference or embedded (alpha in Tekton): Tekton makes a PipelineRun of the task. */
  pipelineRef: optional(z.object({})),
  pipelineSpec: optional(z.object({})),
  runAfter: list(z.string()),
  params: list(param),
  when: list(
    z.object({
      input: optional(z.string()),
      operator: optional(z.string()),
      values: list(z.string()),
      cel: optional(z.string()),
    }),
  ),
  matrix: optional(z.object({ params: list(param), include: list(z.object({ params: list(param) })) })),
  retries: optional(z.int()),
  timeout: optional(z.string()),
})

/** One entry of `tasks` or `finally`. */
export type PipelineTask = z.output<typeof pipelineTask>

export const pipelineSpec = z.object({
  tasks: list(pipelineTask),
  finally: list(pipelineTask),
  params: list(z.object({ name: z.string(), default: optional(paramValue) })),
})

/** A pipeline as `PipelineRun.status.pipelineSpec` holds it: resolved, and its params substituted by Tekton. */
export type PipelineSpec = z.output<typeof pipelineSpec>

export function pipelineTaskNamed(spec: PipelineSpec, name: string): PipelineTask | undefined {
  return spec.tasks.find((task) => task.name === name) ?? spec.finally.find((task) => task.name === name)
}

/** Tekton makes a CustomRun, and so no pod, of every task that names both apiVersion and kind. */
export function isCustomTask(task: PipelineTask): boolean {
  return [task.taskRef, task.taskSpec].some((type) => Boolean(type?.apiVersion) && Boolean(type?.kind))
}

/** Tekton makes a PipelineRun of such a task: pods run in that one's tasks, none for the task itself. */
export function isChildPipeline(task: PipelineTask): boolean {
  return task.pipelineRef !== undefined || task.pipelineSpec !== undefined
}
