import { isDeepStrictEqual } from 'node:util'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import type { Admission } from './admission-request.ts'
import { isObject, type Json, omit } from './json.ts'
import { webhookDenied } from './status.ts'

const states: Readonly<Record<string, readonly string[]>> = {
  taskruns: ['', 'TaskRunCancelled'],
  pipelineruns: ['', 'Cancelled', 'CancelledRunFinally', 'StoppedRunFinally', 'PipelineRunPending'],
}

const sources: Readonly<Record<string, readonly [string, string]>> = {
  taskruns: ['taskRef', 'taskSpec'],
  pipelineruns: ['pipelineRef', 'pipelineSpec'],
}

function hasOneSource(spec: Json, plural: string): boolean {
  const [ref, embedded] = sources[plural] ?? ['', '']
  return (spec[ref] === undefined) !== (spec[embedded] === undefined)
}

function withServiceAccount(spec: Json, plural: string): Json {
  if (plural === 'taskruns') return { ...spec, serviceAccountName: spec['serviceAccountName'] ?? 'default' }
  const template = isObject(spec['taskRunTemplate']) ? spec['taskRunTemplate'] : {}
  return { ...spec, taskRunTemplate: { ...template, serviceAccountName: template['serviceAccountName'] ?? 'default' } }
}

/** TaskRuns and PipelineRuns as Tekton's webhook treats them: after the start only `status` and its message may change. */
export function admitRun({ resource, object, current }: Admission): KubeObject {
  const spec = withServiceAccount(isObject(object.spec) ? object.spec : {}, resource.plural)
  if (!hasOneSource(spec, resource.plural)) {
    const names = sources[resource.plural]?.map((name) => `spec.${name}`).join(', ')
    throw webhookDenied('validation', `validation failed: expected exactly one, got neither or both: ${names}`)
  }
  const status = String(spec['status'] ?? '')
  if (states[resource.plural]?.includes(status) !== true) {
    throw webhookDenied('validation', `validation failed: invalid value: ${status}: spec.status`)
  }
  if (current !== undefined) {
    const changeable = ['status', 'statusMessage']
    const before = omit(current.spec as Json, ...changeable)
    if (!isDeepStrictEqual(before, omit(spec, ...changeable))) {
      const message = `invalid value: Once the ${resource.kind} has started, only status updates are allowed`
      throw webhookDenied('validation', `validation failed: ${message}`)
    }
  }
  return { ...object, spec }
}
