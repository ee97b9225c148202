import type { CustomRun } from './custom-run.ts'
import { controllerOf, type Param, type ParamValue } from './fields.ts'
import { holdsResult, matchesValue } from './matching.ts'
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

function referenceDifferences({ spec }: CustomRun, task: PipelineTask, substitute: Substitute): readonly string[] {
  if (task.taskRef === undefined || spec.customRef === undefined) {
    return (task.taskRef === undefined) === (spec.customRef === undefined) ? [] : ['spec.customRef']
  }
  const expected = task.taskRef
  const actual = spec.customRef
  return (['apiVersion', 'kind', 'name', 'resolver'] as const)
    .filter((field) => !matchesValue(substitute(expected[field] ?? ''), actual[field] ?? ''))
    .map((field) => `spec.customRef.${field}`)
}

/** Paths of the params that are not what the pipeline says. */
export function paramDifferences(
  actual: readonly Param[],
  said: Pick<PipelineTask, 'params' | 'matrix'>,
  substitute: Substitute,
): readonly string[] {
  const differing = actual
    .filter(({ name, value }) => !candidates(said, name).some((one) => matchesValue(substitute(one), value)))
    .map(({ name }) => name)
  const missing = said.params.map(({ name }) => name).filter((name) => !actual.some((param) => param.name === name))
  return [...new Set([...differing, ...missing])].map((name) => `spec.params.${name}`)
}

/** The values that the pipeline allows for a param: its own, or one of the matrix. */
function candidates(task: Pick<PipelineTask, 'params' | 'matrix'>, name: string): readonly ParamValue[] {
  const fromMatrix = (task.matrix?.params ?? [])
    .filter((param) => param.name === name)
    .flatMap(({ value }): readonly ParamValue[] => (Array.isArray(value) ? value : [value]))
  const included = (task.matrix?.include ?? []).flatMap((one) => one.params)
  const own = [...task.params, ...included].filter((param) => param.name === name).map((param) => param.value)
  return [...own, ...fromMatrix]
}
