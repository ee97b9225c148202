import { matchesText, matchesValue } from './matching.ts'
import { paramDifferences } from './pinning.ts'
import { effectiveServiceAccount, type PipelineRun } from './pipeline-run.ts'
import { type PipelineTask, pipelineTaskNamed } from './pipeline-spec.ts'
import { type Substitute, substituteFor } from './substitution.ts'
import type { TaskRun } from './task-run.ts'

/** The parts of a step that say what it runs. */
const stepParts = ['image', 'script', 'command', 'args', 'env', 'ref'] as const

/**
 * Compares a TaskRun with the pipeline task that its PipelineRun lists it for: a TaskRun that somebody planted before
 * Tekton made the real one is taken for it from then on, and says what its author wanted.
 *
 * A `$(tasks.…)` expression matches any text in its place, as results are not compared.
 *
 * @returns paths that differ, such as `spec.taskRef.name`; empty when they are the same
 */
export function sameTask(taskRun: TaskRun, pipelineRun: PipelineRun, taskName: string): readonly string[] {
  const spec = pipelineRun.status.pipelineSpec
  const task = spec === undefined ? undefined : pipelineTaskNamed(spec, taskName)
  if (task === undefined) return ['status.pipelineSpec']
  const substitute = substituteFor(pipelineRun, task)
  const serviceAccount = effectiveServiceAccount(pipelineRun, taskName)
  return [
    ...referenceDifferences(taskRun, task, substitute),
    ...textDifferences(taskRun, task, substitute),
    ...paramDifferences(taskRun.spec.params, task, substitute),
    ...((taskRun.spec.serviceAccountName || 'default') === serviceAccount ? [] : ['spec.serviceAccountName']),
  ]
}

function referenceDifferences({ spec }: TaskRun, { taskRef }: PipelineTask, substitute: Substitute): readonly string[] {
  if (taskRef === undefined || spec.taskRef === undefined) {
    return (taskRef === undefined) === (spec.taskRef === undefined) ? [] : ['spec.taskRef']
  }
  const { taskRef: actual } = spec
  const differing = (['name', 'resolver'] as const).filter(
    (field) => !matchesValue(substitute(taskRef[field] ?? ''), actual[field] ?? ''),
  )
  const isSameKind = (taskRef.kind || 'Task') === (actual.kind || 'Task')
  const params = paramDifferences(actual.params, { params: taskRef.params, matrix: undefined }, substitute)
  return [
    ...differing.map((field) => `spec.taskRef.${field}`),
    ...(isSameKind ? [] : ['spec.taskRef.kind']),
    ...params.map((path) => path.replace('spec.params', 'spec.taskRef.params')),
  ]
}

function textDifferences({ spec }: TaskRun, { taskSpec }: PipelineTask, substitute: Substitute): readonly string[] {
  const expected = taskSpec?.steps ?? []
  const actual = spec.taskSpec?.steps ?? []
  if (expected.length !== actual.length) return ['spec.taskSpec.steps']
  return expected.flatMap((step, at) =>
    stepParts
      .filter((part) => !isSameText(step[part], actual[at]?.[part], substitute))
      .map((part) => `spec.taskSpec.steps[${at}].${part}`),
  )
}

/** Texts as Tekton may have substituted them, or left them where the Task declares a param of its own. */
function isSameText(expected: unknown, actual: unknown, substitute: Substitute): boolean {
  if (isAbsent(expected) || isAbsent(actual)) return isAbsent(expected) && isAbsent(actual)
  if (typeof expected === 'string') {
    if (typeof actual !== 'string') return false
    const replaced = substitute(expected)
    return matchesText(expected, actual) || (typeof replaced === 'string' && matchesText(replaced, actual))
  }
  if (isTexts(expected)) {
    return isTexts(actual) && (matchesValue(expected, actual) || matchesValue(substitute(expected), actual))
  }
  return isSameObject(expected, actual, substitute)
}

function isSameObject(expected: unknown, actual: unknown, substitute: Substitute): boolean {
  if (!isObject(expected) || !isObject(actual)) return expected === actual
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)])
  return [...keys].every((key) => isSameText(expected[key], actual[key], substitute))
}

/** Go leaves out what is empty. */
function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
