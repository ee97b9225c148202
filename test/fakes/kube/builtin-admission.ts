import { isDeepStrictEqual } from 'node:util'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import type { Admission, Admit } from './admission-request.ts'
import { at, isObject, type Json, listAt, omit, textAt } from './json.ts'
import { builtin } from './resources.ts'
import { badRequest, type FieldError, forbidden, invalid } from './status.ts'

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const microTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}(Z|[+-]\d{2}:\d{2})$/

function required(field: string): FieldError {
  return { field, message: 'Required value', reason: 'FieldValueRequired' }
}

function immutable(field: string): FieldError {
  return { field, message: 'Invalid value: field is immutable' }
}

function admitPod({ resource, object, current, storage }: Admission): KubeObject {
  const name = object.metadata.name
  if (!isObject(object.spec)) throw invalid(resource, name, [required('spec.containers')])
  const given = textAt(object.spec, 'serviceAccountName') ?? ''
  const serviceAccountName = given === '' ? 'default' : given
  const spec = { ...object.spec, serviceAccountName }
  if (current === undefined) {
    const namespace = object.metadata.namespace
    if (storage.get(builtin('serviceaccounts'), namespace, serviceAccountName) === undefined) {
      const why = `error looking up service account ${namespace}/${serviceAccountName}: serviceaccount "${serviceAccountName}" not found`
      throw forbidden(resource, name, why)
    }
    return { ...object, spec, status: object.status ?? { phase: 'Pending', qosClass: 'BestEffort' } }
  }
  const changeable = ['containers', 'initContainers', 'ephemeralContainers', 'activeDeadlineSeconds', 'tolerations']
  const isSame = isDeepStrictEqual(omit(current.spec as Json, ...changeable), omit(spec, ...changeable))
  if (isSame) return { ...object, spec }
  const message = 'Forbidden: pod updates may not change fields other than images, deadlines and tolerations'
  throw invalid(resource, name, [{ field: 'spec', message, reason: 'FieldValueForbidden' }])
}

function admitSecret({ resource, object, current }: Admission): KubeObject {
  const {
    data = {},
    stringData = {},
    type = 'Opaque',
    ...rest
  } = object as KubeObject & {
    readonly data?: Json
    readonly stringData?: Json
    readonly type?: unknown
  }
  for (const value of Object.values(data)) {
    if (typeof value !== 'string' || !base64.test(value)) throw badRequest('illegal base64 data in Secret.data')
  }
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')])
  const admitted = { ...rest, data: { ...data, ...Object.fromEntries(encoded) }, type }
  const errors: FieldError[] = []
  if (current !== undefined && at(current, 'type') !== type) errors.push(immutable('type'))
  if (at(current, 'immutable') === true && !isDeepStrictEqual(at(current, 'data'), admitted.data))
    errors.push(immutable('data'))
  if (JSON.stringify(admitted.data).length > 1_500_000)
    errors.push({ field: 'data', message: 'Too long: may not be more than 1048576 bytes' })
  if (errors.length > 0) throw invalid(resource, object.metadata.name, errors)
  return admitted
}

/** `renewTime` and `acquireTime` are MicroTime: the server parses exactly six digits of a second. */
function admitLease({ resource, object }: Admission): KubeObject {
  for (const key of ['acquireTime', 'renewTime']) {
    const value = at(object.spec, key) ?? undefined
    if (value !== undefined && !(typeof value === 'string' && microTime.test(value))) {
      throw badRequest(`parsing time as "2006-01-02T15:04:05.000000Z07:00": cannot parse Lease.spec.${key}`)
    }
  }
  const seconds = at(object.spec, 'leaseDurationSeconds')
  if (seconds === undefined || (Number.isInteger(seconds) && Number(seconds) > 0)) return object
  throw invalid(resource, object.metadata.name, [
    { field: 'spec.leaseDurationSeconds', message: 'Invalid value: must be greater than 0' },
  ])
}

function eventTimeErrors(event: KubeObject): readonly FieldError[] {
  const eventTime = at(event, 'eventTime') ?? undefined
  if (eventTime === undefined) return []
  if (!microTime.test(String(eventTime))) throw badRequest('parsing time: cannot parse Event.eventTime as MicroTime')
  const keys = ['reportingComponent', 'reportingInstance', 'action', 'reason', 'type']
  const missing = keys.filter((key) => (textAt(event, key) ?? '') === '').map(required)
  if ((textAt(event, 'message') ?? '').length <= 1024) return missing
  return [...missing, { field: 'message', message: 'Too long: may not be more than 1024 bytes' }]
}

function admitEvent({ resource, object }: Admission): KubeObject {
  const { namespace, name } = object.metadata
  const errors: FieldError[] = [...eventTimeErrors(object)]
  const involved = textAt(object, 'involvedObject', 'namespace') ?? ''
  if (!isObject(at(object, 'involvedObject'))) errors.push(required('involvedObject'))
  else if (involved !== namespace && !(involved === '' && namespace === 'default')) {
    const message = `Invalid value: "${involved}": does not match event.namespace`
    errors.push({ field: 'involvedObject.namespace', message })
  }
  if (errors.length > 0) throw invalid(resource, name, errors)
  return object
}

function admitRole({ resource, object }: Admission): KubeObject {
  const errors = listAt(object, 'rules').flatMap((rule, i): FieldError[] => {
    const isUrlRule = listAt(rule, 'nonResourceURLs').length > 0
    const missing = listAt(rule, 'verbs').length === 0 ? ['verbs'] : []
    if (!isUrlRule) missing.push(...['apiGroups', 'resources'].filter((key) => listAt(rule, key).length === 0))
    return missing.map((key) => required(`rules[${i}].${key}`))
  })
  if (errors.length > 0) throw invalid(resource, object.metadata.name, errors)
  return object
}

function admitBinding({ resource, object, current }: Admission): KubeObject {
  const errors: FieldError[] = []
  const kinds = resource.plural === 'rolebindings' ? ['Role', 'ClusterRole'] : ['ClusterRole']
  if (!kinds.includes(textAt(object, 'roleRef', 'kind') ?? ''))
    errors.push({ field: 'roleRef.kind', message: 'Unsupported value', reason: 'FieldValueNotSupported' })
  if ((textAt(object, 'roleRef', 'name') ?? '') === '') errors.push(required('roleRef.name'))
  if (current !== undefined && !isDeepStrictEqual(at(current, 'roleRef'), at(object, 'roleRef'))) {
    errors.push({ field: 'roleRef', message: 'Invalid value: cannot change roleRef' })
  }
  for (const [i, subject] of listAt(object, 'subjects').entries()) {
    const needsNamespace = textAt(subject, 'kind') === 'ServiceAccount' && (textAt(subject, 'namespace') ?? '') === ''
    if (needsNamespace) errors.push(required(`subjects[${i}].namespace`))
  }
  if (errors.length > 0) throw invalid(resource, object.metadata.name, errors)
  return object
}

function admitNamespace({ object, current }: Admission): KubeObject {
  const spec = current === undefined ? { finalizers: ['kubernetes'] } : object.spec
  return { ...object, spec, status: object.status ?? { phase: 'Active' } }
}

const admits: Readonly<Record<string, Admit>> = {
  pods: admitPod,
  secrets: admitSecret,
  leases: admitLease,
  events: admitEvent,
  roles: admitRole,
  clusterroles: admitRole,
  rolebindings: admitBinding,
  clusterrolebindings: admitBinding,
  namespaces: admitNamespace,
}

/** Built-in kinds: the rules that our processes can run into, not all of Kubernetes. */
export function admitBuiltin(admission: Admission): KubeObject {
  return admits[admission.resource.plural]?.(admission) ?? admission.object
}
