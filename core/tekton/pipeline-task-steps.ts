import type { PipelineTask } from './pipeline-spec.ts'

/** A step's name in Tekton, before it is cut. */
const stepName = /^[A-Za-z0-9][-A-Za-z0-9]{0,62}$/

/** Tekton puts `step-` before a step's name and cuts at 63 characters; the rest is the same step. */
const maxStepName = 58

/**
 * What is wrong with a step that `steps` names, where the pipeline itself holds the steps of the task. The steps of a
 * referenced Task are known to its pod only; the webhook judges those.
 */
export function unknownStep(task: PipelineTask | undefined, step: string): readonly string[] {
  const steps = task?.taskSpec?.steps ?? []
  const names = steps.map(({ name }, at) => name || `unnamed-${at}`)
  const isOpen = task === undefined || names.length === 0 || names.some((name) => name.includes('$('))
  if (isOpen || names.some((name) => cut(name) === cut(step))) return []
  const what = stepName.test(step) ? `step ${step}` : 'such step'
  return [`task ${task.name} has no ${what}: its steps are ${names.join(', ')}`]
}

function cut(name: string): string {
  return name.slice(0, maxStepName).replace(/[^A-Za-z0-9]+$/, '')
}
