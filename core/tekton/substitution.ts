import type { Param, ParamValue } from './fields.ts'
import type { PipelineRun } from './pipeline-run.ts'
import type { PipelineTask } from './pipeline-spec.ts'

/** Replaces `$(params.…)` and `$(context.…)` in one value the way Tekton does. */
export type Substitute = (value: ParamValue) => ParamValue

type Context = readonly [path: string, text: string]

interface Known {
  readonly texts: ReadonlyMap<string, string>
  readonly arrays: ReadonlyMap<string, readonly string[]>
}

const variable = /\$\(([^()$]+)\)/g
const wholeVariable = /^\$\(([^()$]+)\)$/

/**
 * Tekton has substituted params and contexts when it writes `status.pipelineSpec`, except
 * `context.pipelineTask.retries`; what an older or another writer left is replaced here, from the PipelineRun's own
 * (immutable) spec. `$(tasks.…)` stays: results are not known before they are used.
 */
export function substituteFor(run: PipelineRun, task: Pick<PipelineTask, 'retries'>): Substitute {
  const defaults = (run.status.pipelineSpec?.params ?? []).flatMap((param): readonly Param[] =>
    param.default === undefined ? [] : [{ name: param.name, value: param.default }],
  )
  return substituteKnown(
    [...defaults, ...run.spec.params],
    [
      ...runContexts(run),
      ['context.pipeline.name', run.metadata.labels?.['tekton.dev/pipeline'] ?? ''],
      ['context.pipelineTask.retries', String(task.retries ?? 0)],
    ],
  )
}

/**
 * Replaces what Tekton replaces in the params of `pipelineRef`, which is less: the Pipeline is not fetched yet, so its
 * defaults are not known, and neither is its name. Whatever else says `$(…)` Tekton hands to the resolver as it stands,
 * and Git takes such a text for the name of a branch.
 */
export function substituteForReference(run: PipelineRun): Substitute {
  return substituteKnown(run.spec.params, [...runContexts(run), ['context.pipeline.name', '']])
}

function substituteKnown(params: readonly Param[], contexts: readonly Context[]): Substitute {
  const known = knownValues(params, contexts)
  return (value) => {
    if (typeof value === 'string') return wholeArray(value, known) ?? inText(value, known)
    if (isList(value)) return value.flatMap((one) => wholeArray(one, known) ?? [inText(one, known)])
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inText(one, known)]))
  }
}

function runContexts({ metadata }: PipelineRun): readonly Context[] {
  return [
    ['context.pipelineRun.name', metadata.name],
    ['context.pipelineRun.namespace', metadata.namespace],
    ['context.pipelineRun.uid', metadata.uid],
  ]
}

function knownValues(given: readonly Param[], contexts: readonly Context[]): Known {
  const params = given.flatMap(({ name, value }) =>
    [`params.${name}`, `params["${name}"]`, `params['${name}']`].map((path) => ({ path, value })),
  )
  return {
    texts: new Map([...contexts, ...params.flatMap(textEntries)]),
    arrays: new Map(params.flatMap(({ path, value }) => (isList(value) ? [[`${path}[*]`, value] as const] : []))),
  }
}

function textEntries({ path, value }: { path: string; value: ParamValue }): readonly (readonly [string, string])[] {
  if (typeof value === 'string') return [[path, value]]
  if (isList(value)) return value.map((one, i) => [`${path}[${i}]`, one])
  return Object.entries(value).map(([key, one]) => [`${path}.${key}`, one])
}

function inText(text: string, { texts }: Known): string {
  return text.replace(variable, (whole, path: string) => texts.get(path) ?? whole)
}

function wholeArray(text: string, { arrays }: Known): string[] | undefined {
  const path = wholeVariable.exec(text)?.[1]
  const found = path === undefined ? undefined : arrays.get(path)
  return found === undefined ? undefined : [...found]
}

function isList(value: ParamValue): value is string[] {
  return Array.isArray(value)
}
