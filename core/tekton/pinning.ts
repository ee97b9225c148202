import type { CustomRun } from './custom-run.ts'
import { controllerOf, type Param, type ParamValue } from './fields.ts'
import { effectiveServiceAccount, type PipelineRun, pipelineTaskOfChild } from './pipeline-run.ts'
import { type PipelineTask, pipelineTaskNamed } from './pipeline-spec.ts'
import { type Substitute, substituteFor } from './substitution.ts'

/**
 * Compares a CustomRun with what its PipelineRun says it is, since anybody with update on CustomRuns can edit its spec,
 * while `PipelineRun.status.pipelineSpec` is written by Tekton and `PipelineRun.spec` is immutable.
 *
 * A `$(tasks.…)` expression matches any text in its place, as results are not compared: whoever can edit the CustomRun
 * chooses that part, so the pipeline should keep results out of `policy`, `audience` and `scope`.
 *
 * @returns paths that differ, such as `spec.params.audience`; empty when they are the same
 */
export function sameSpec(customRun: CustomRun, pipelineRun: PipelineRun): readonly string[] {
  if (controllerOf(customRun.metadata)?.uid !== pipelineRun.metadata.uid) return ['metadata.ownerReferences']
  const taskName = pipelineTaskOfChild(pipelineRun, { kind: 'CustomRun', name: customRun.metadata.name })
  if (taskName === undefined) return ['metadata.name']
  const spec = pipelineRun.status.pipelineSpec
  const task = spec === undefined ? undefined : pipelineTaskNamed(spec, taskName)
  if (task === undefined) return ['metadata.name']

  const substitute = substituteFor(pipelineRun, task)
  const serviceAccount = effectiveServiceAccount(pipelineRun, taskName)
  return [
    ...referenceDifferences(customRun, task, substitute),
    ...paramDifferences(customRun.spec.params, task, substitute),
    ...((customRun.spec.serviceAccountName || 'default') === serviceAccount ? [] : ['spec.serviceAccountName']),
  ]
}

/**
 * What of a pipeline task's `taskRef.name` and params holds a result of another task, so that nothing pins it: names such
 * as `spec.params.deliver`.
 */
export function unpinned({ taskRef, params, matrix }: PipelineTask): readonly string[] {
  const fromMatrix = [...(matrix?.params ?? []), ...(matrix?.include ?? []).flatMap((one) => one.params)]
  const holding = [...params, ...fromMatrix].filter(({ value }) => holdsResult(value)).map(({ name }) => name)
  return [
    ...(holdsResult(taskRef?.name ?? '') ? ['spec.customRef.name'] : []),
    ...[...new Set(holding)].map((name) => `spec.params.${name}`),
  ]
}

function holdsResult(value: ParamValue): boolean {
  const texts = typeof value === 'string' ? [value] : Object.values(value)
  return texts.some((text) => text.search(result) >= 0)
}

function referenceDifferences({ spec }: CustomRun, task: PipelineTask, substitute: Substitute): readonly string[] {
  if (task.taskRef === undefined || spec.customRef === undefined) {
    return (task.taskRef === undefined) === (spec.customRef === undefined) ? [] : ['spec.customRef']
  }
  const expected = task.taskRef
  const actual = spec.customRef
  return (['apiVersion', 'kind', 'name', 'resolver'] as const)
    .filter((field) => !matches(substitute(expected[field] ?? ''), actual[field] ?? ''))
    .map((field) => `spec.customRef.${field}`)
}

function paramDifferences(actual: readonly Param[], task: PipelineTask, substitute: Substitute): readonly string[] {
  const differing = actual
    .filter(({ name, value }) => !candidates(task, name).some((one) => matches(substitute(one), value)))
    .map(({ name }) => name)
  const missing = task.params.map(({ name }) => name).filter((name) => !actual.some((param) => param.name === name))
  return [...new Set([...differing, ...missing])].map((name) => `spec.params.${name}`)
}

/** The values that the pipeline allows for a param: its own, or one of the matrix. */
function candidates(task: PipelineTask, name: string): readonly ParamValue[] {
  const fromMatrix = (task.matrix?.params ?? [])
    .filter((param) => param.name === name)
    .flatMap(({ value }): readonly ParamValue[] => (Array.isArray(value) ? value : [value]))
  const included = (task.matrix?.include ?? []).flatMap((one) => one.params)
  const own = [...task.params, ...included].filter((param) => param.name === name).map((param) => param.value)
  return [...own, ...fromMatrix]
}

const result = /\$\(tasks\.[^()]*\)/g
const wholeResult = /^\$\(tasks\.[^()]*\)$/
const wholeArrayResult = /^\$\(tasks\.[^()]*\[\*\]\)$/

function matches(expected: ParamValue, actual: ParamValue): boolean {
  if (typeof expected === 'string') {
    // A result that is a list, or that Tekton reads as one, becomes a param of another type.
    return wholeResult.test(expected) || (typeof actual === 'string' && matchesText(expected, actual))
  }
  if (typeof actual === 'string' || Array.isArray(expected) !== Array.isArray(actual)) return false
  if (Object.values(expected).some((one) => wholeArrayResult.test(one))) return true
  const wanted = Object.entries(expected)
  const found = new Map(Object.entries(actual))
  return wanted.length === found.size && wanted.every(([key, one]) => matchesText(one, found.get(key)))
}

/** Literal parts in order, anything where a result stands. */
function matchesText(expected: string, actual: string | undefined): boolean {
  if (actual === undefined) return false
  const [first = '', ...literals] = expected.split(result)
  const last = literals.pop()
  if (last === undefined) return expected === actual
  if (!actual.startsWith(first) || actual.length < first.length + last.length || !actual.endsWith(last)) return false
  let rest = actual.slice(first.length, actual.length - last.length)
  for (const literal of literals) {
    const at = rest.indexOf(literal)
    if (at < 0) return false
    rest = rest.slice(at + literal.length)
  }
  return true
}
