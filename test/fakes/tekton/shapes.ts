import type { KubeObject } from '../../../core/io/kube/api.ts'
import { isObject, listAt, textAt } from '../kube/json.ts'
import type { Value } from './substitution.ts'

export interface Param {
  readonly name: string
  readonly value: Value
}

/** A task of a pipeline, as far as the player plays it. */
export interface PipelineTask {
  readonly name: string
  readonly taskRef?: { readonly apiVersion?: string; readonly kind?: string; readonly name?: string }
  readonly taskSpec?: Readonly<Record<string, unknown>>
  readonly params?: readonly Param[]
  readonly runAfter?: readonly string[]
  readonly when?: readonly { readonly input: string; readonly operator: string; readonly values: readonly string[] }[]
  readonly timeout?: string
  readonly retries?: number
  readonly onError?: string
  readonly workspaces?: readonly unknown[]
}

export interface PipelineSpec {
  readonly params?: readonly { readonly name: string; readonly type?: string; readonly default?: Value }[]
  readonly tasks: readonly PipelineTask[]
  readonly finally?: readonly PipelineTask[]
  readonly results?: readonly { readonly name: string; readonly value: string }[]
}

export interface TaskRunSpec {
  readonly pipelineTaskName: string
  readonly serviceAccountName?: string
  readonly timeout?: string
  readonly podTemplate?: object
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
}

export interface PipelineRunSpec {
  readonly pipelineRef?: { readonly name: string }
  readonly pipelineSpec?: PipelineSpec
  readonly params?: readonly Param[]
  readonly taskRunTemplate?: { readonly serviceAccountName?: string; readonly podTemplate?: object }
  readonly taskRunSpecs?: readonly TaskRunSpec[]
  readonly timeouts?: { readonly pipeline?: string; readonly tasks?: string; readonly finally?: string }
  readonly status?: string
}

export interface PipelineRun extends KubeObject {
  readonly spec: PipelineRunSpec
  readonly status?: {
    readonly pipelineSpec?: PipelineSpec
    readonly startTime?: string
    readonly completionTime?: string
  }
}

/** Where a run or a child stands: the status of its `Succeeded` condition, and its reason. */
export interface Outcome {
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
}

export function outcomeOf(object: KubeObject): Outcome {
  const succeeded = listAt(object, 'status', 'conditions').find(
    (condition) => textAt(condition, 'type') === 'Succeeded',
  )
  const status = textAt(succeeded, 'status')
  return {
    status: status === 'True' || status === 'False' ? status : 'Unknown',
    reason: textAt(succeeded, 'reason') ?? '',
    message: textAt(succeeded, 'message') ?? '',
  }
}

export function isDone(object: KubeObject): boolean {
  return outcomeOf(object).status !== 'Unknown'
}

/** Results by name; a CustomRun's text that is a JSON list of strings counts as a list, as in Tekton since v0.63. */
export function resultsOf(object: KubeObject): ReadonlyMap<string, Value> {
  const entries = listAt(object, 'status', 'results').flatMap((result) => {
    const [name, value] = [textAt(result, 'name'), isObject(result) ? result['value'] : undefined]
    return name === undefined ? [] : [[name, asValue(value)] as const]
  })
  return new Map(entries)
}

function asValue(value: unknown): Value {
  if (typeof value !== 'string') return value as Value
  if (!value.startsWith('["')) return value
  try {
    const list: unknown = JSON.parse(value)
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : value
  } catch {
    return value
  }
}
