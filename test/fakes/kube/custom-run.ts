import { z } from 'zod'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import type { Admission } from './admission-request.ts'
import { isObject, type Json, listAt } from './json.ts'
import { fieldErrors } from './own-kinds.ts'
import { invalid, webhookDenied } from './status.ts'

const time = z.iso.datetime({ offset: true })
const goDuration = z.string().regex(/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$|^0$/)
const raw = z.record(z.string(), z.unknown())

const param = z.object({
  name: z.string(),
  value: z.union([z.string(), z.array(z.string()), z.record(z.string(), z.string())]),
})

const specSchema = z.object({
  customRef: z
    .object({
      apiVersion: z.string().optional(),
      kind: z.string().optional(),
      name: z.string().optional(),
      resolver: z.string().optional(),
      bundle: z.string().optional(),
      params: z.array(param).optional(),
    })
    .optional(),
  customSpec: z
    .object({
      apiVersion: z.string().optional(),
      kind: z.string().optional(),
      metadata: z.object({ labels: raw.optional(), annotations: raw.optional() }).optional(),
      spec: z.unknown().optional(),
    })
    .optional(),
  params: z.array(param).optional(),
  retries: z.int().optional(),
  serviceAccountName: z.string().optional(),
  status: z.string().optional(),
  statusMessage: z.string().optional(),
  timeout: goDuration.optional(),
  workspaces: z.array(raw).optional(),
})

const condition = z.object({
  type: z.string(),
  status: z.string(),
  severity: z.string().optional(),
  lastTransitionTime: time.optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
})

const statusFields = {
  conditions: z.array(condition).optional(),
  observedGeneration: z.int().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  startTime: time.optional(),
  completionTime: time.optional(),
  results: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
  extraFields: z.unknown().optional(),
}

/** `retriesStatus` is schemaless in the CRD, so it is not pruned: Tekton's webhook decodes it and knows no other field. */
const statusSchema = z.object({ ...statusFields, retriesStatus: z.array(raw).optional() })
const retrySchema = z.strictObject({ ...statusFields, retriesStatus: z.unknown().optional() })

const bodySchema = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.unknown(),
  spec: specSchema.optional(),
  status: statusSchema.optional(),
})

/** Paths that are in the input and no longer in what the schema made of it. */
export function droppedPaths(input: unknown, output: unknown, path = ''): readonly string[] {
  if (Array.isArray(input) && Array.isArray(output)) {
    return input.flatMap((item, i) => droppedPaths(item, output[i], `${path}[${i}]`))
  }
  if (!isObject(input) || !isObject(output)) return []
  return Object.entries(input).flatMap(([key, value]) => {
    const here = path === '' ? key : `${path}.${key}`
    return Object.hasOwn(output, key) ? droppedPaths(value, output[key], here) : [here]
  })
}

function typeErrors(spec: Json): readonly string[] {
  const { customRef, customSpec } = spec
  if ((customRef === undefined) === (customSpec === undefined)) {
    const word = customRef === undefined ? 'one' : 'one, got both'
    return [`expected exactly ${word}: spec.customRef, spec.customSpec`]
  }
  const [name, type] = customRef === undefined ? ['customSpec', customSpec] : ['customRef', customRef]
  const { apiVersion, kind } = type as { readonly apiVersion?: string; readonly kind?: string }
  const missing = Object.entries({ apiVersion, kind }).filter(([, value]) => (value ?? '') === '')
  return missing.map(([key]) => `missing field(s): spec.${name}.${key}`)
}

function specErrors(spec: Json): readonly string[] {
  const errors = [...typeErrors(spec)]
  const { status = '', statusMessage = '' } = spec
  if (status !== '' && status !== 'RunCancelled')
    errors.push(`invalid value: ${String(status)} should be RunCancelled: spec.status`)
  if (status === '' && statusMessage !== '') {
    errors.push(`invalid value: statusMessage should not be set if status is not set: spec.statusMessage`)
  }
  const names = listAt(spec, 'params').map((item) => (item as Json)['name'])
  if (new Set(names).size < names.length) errors.push('expected exactly one, got both: spec.params')
  return errors
}

/**
 * CustomRuns as the API server and Tekton's webhook treat them: unknown fields are pruned except below
 * `status.extraFields`, results are strings, `retriesStatus` is decoded strictly, the whole object is validated again
 * on every write of the status.
 */
export function admitCustomRun({ resource, object, pruned }: Admission): KubeObject {
  const result = bodySchema.safeParse(object)
  if (!result.success) throw invalid(resource, object.metadata.name, rooted(fieldErrors('', result.error)))
  pruned.push(...droppedPaths(object, result.data))
  const { spec = {}, status } = result.data
  for (const retry of status?.retriesStatus ?? []) {
    const strict = retrySchema.safeParse(retry)
    if (!strict.success)
      throw webhookDenied(
        'defaulting',
        `mutation failed: cannot decode incoming new object: ${strict.error.issues[0]?.message}`,
      )
  }
  const errors = specErrors(spec)
  if (errors.length > 0) throw webhookDenied('validation', `validation failed: ${errors.join('\n')}`)
  return {
    ...(result.data as unknown as KubeObject),
    metadata: object.metadata,
    spec: { ...spec, serviceAccountName: spec.serviceAccountName ?? 'default' },
  }
}

function rooted<T extends { readonly field: string }>(errors: readonly T[]): readonly T[] {
  return errors.map((error) => ({ ...error, field: error.field.replace(/^\./, '') }))
}
