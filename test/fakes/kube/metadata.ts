import { randomInt, randomUUID } from 'node:crypto'
import { type Clock, rfc3339 } from '../../../core/clock.ts'
import type { KubeObject, ObjectMeta } from '../../../core/io/kube/api.ts'
import { at, isObject, type Json, listAt, textAt } from './json.ts'
import { type ApiResource, groupVersion } from './resources.ts'
import { ApiError, badRequest, conflict, type FieldError, invalid } from './status.ts'

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const qualifiedKey = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789'

function isValidName(resource: ApiResource, name: string): boolean {
  if (resource.group === 'rbac.authorization.k8s.io') return !/[/%]/.test(name) && name !== '.' && name !== '..'
  if (resource.plural === 'namespaces') return label.test(name) && name.length <= 63
  return subdomain.test(name) && name.length <= 253
}

function generatedName(prefix: string): string {
  let suffix = ''
  for (let i = 0; i < 5; i += 1) suffix += suffixAlphabet[randomInt(suffixAlphabet.length)]
  return `${prefix.slice(0, 58)}${suffix}`
}

/** Checks `apiVersion` and `kind` of a body against the path. @throws ApiError 400 */
export function checkKind(resource: ApiResource, body: unknown): asserts body is Json {
  if (!isObject(body) || !isObject(at(body, 'metadata') ?? {})) throw badRequest('the body is no Kubernetes object')
  const [apiVersion, kind] = [textAt(body, 'apiVersion'), textAt(body, 'kind')]
  if (apiVersion !== groupVersion(resource) || kind !== resource.kind) {
    const expected = `${groupVersion(resource)}, Kind=${resource.kind}`
    throw badRequest(`the object provided (${apiVersion}, Kind=${kind}) does not match the expected ${expected}`)
  }
}

function textMap(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((item) => typeof item === 'string')
}

function ownerErrors(metadata: Json): readonly FieldError[] {
  const owners = listAt(metadata, 'ownerReferences')
  const errors = owners.flatMap((owner, i) =>
    ['apiVersion', 'kind', 'name', 'uid']
      .filter((key) => (textAt(owner, key) ?? '') === '')
      .map((key) => ({
        field: `metadata.ownerReferences[${i}].${key}`,
        message: 'Required value',
        reason: 'FieldValueRequired' as const,
      })),
  )
  if (owners.filter((owner) => at(owner, 'controller') === true).length < 2) return errors
  return [
    ...errors,
    { field: 'metadata.ownerReferences', message: 'Only one reference can have Controller set to true' },
  ]
}

function metadataErrors(resource: ApiResource, name: string, metadata: Json): readonly FieldError[] {
  const errors: FieldError[] = [...ownerErrors(metadata)]
  if (!isValidName(resource, name)) {
    const message = `Invalid value: "${name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'`
    errors.push({ field: 'metadata.name', message })
  }
  const labels = at(metadata, 'labels') ?? {}
  if (textMap(labels)) {
    for (const [key, value] of Object.entries(labels)) {
      const isFine = qualifiedKey.test(key) && labelValue.test(value) && value.length <= 63
      if (!isFine) errors.push({ field: 'metadata.labels', message: `Invalid value: "${value}": no label` })
    }
  }
  for (const finalizer of listAt(metadata, 'finalizers')) {
    if (typeof finalizer !== 'string' || !qualifiedKey.test(finalizer)) {
      errors.push({ field: 'metadata.finalizers', message: 'Invalid value: name is no qualified name' })
    }
  }
  return errors
}

/** @throws ApiError 400 for labels and annotations that hold anything but strings */
function checkMaps(metadata: Json): void {
  for (const key of ['labels', 'annotations']) {
    if (!textMap(at(metadata, key) ?? {})) {
      throw badRequest(`json: cannot unmarshal into Go struct field ObjectMeta.metadata.${key} of type string`)
    }
  }
}

/** What users may write in metadata; the server fills in the rest. */
function writable(metadata: Json): Partial<ObjectMeta> {
  const keys = ['labels', 'annotations', 'ownerReferences', 'finalizers'] as const
  const kept = keys.filter((key) => {
    const value = metadata[key]
    return Array.isArray(value) ? value.length > 0 : isObject(value) && Object.keys(value).length > 0
  })
  return Object.fromEntries(kept.map((key) => [key, metadata[key]]))
}

/** Nobody's writes are noted here: a test that needs such notes brings them. */
function broughtNotes({ managedFields }: Json): Partial<ObjectMeta> {
  return Array.isArray(managedFields) ? { managedFields } : {}
}

/** The object as it is stored at first. @throws ApiError 400 or 422 */
export function newObject(resource: ApiResource, namespace: string | undefined, body: Json, clock: Clock): KubeObject {
  const metadata = (body['metadata'] ?? {}) as Json
  const given = textAt(metadata, 'namespace') ?? ''
  if (given !== '' && given !== (namespace ?? '')) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  if ((textAt(metadata, 'resourceVersion') ?? '') !== '') {
    throw new ApiError(500, '', 'resourceVersion should not be set on objects to be created')
  }
  const prefix = textAt(metadata, 'generateName')
  const name = textAt(metadata, 'name') ?? (prefix === undefined ? undefined : generatedName(prefix))
  if (name === undefined || name === '') {
    const message = 'Required value: name or generateName is required'
    throw invalid(resource, '', [{ field: 'metadata.name', message, reason: 'FieldValueRequired' }])
  }
  checkMaps(metadata)
  const errors = metadataErrors(resource, name, metadata)
  if (errors.length > 0) throw invalid(resource, name, errors)
  return {
    ...(body as unknown as KubeObject),
    metadata: {
      name,
      ...(prefix === undefined ? {} : { generateName: prefix }),
      ...(namespace === undefined ? {} : { namespace }),
      uid: randomUUID(),
      resourceVersion: '',
      ...(resource.hasGeneration ? { generation: 1 } : {}),
      creationTimestamp: rfc3339(clock()),
      ...writable(metadata),
      ...broughtNotes(metadata),
    },
  }
}

/** Refuses an update of another object or of another version of it. @throws ApiError 400, 409 or 422 */
export function checkPreconditions(resource: ApiResource, current: KubeObject, metadata: Json, isPatch: boolean): void {
  const { name, uid, resourceVersion } = current.metadata
  const givenVersion = textAt(metadata, 'resourceVersion') ?? ''
  const givenUid = textAt(metadata, 'uid') ?? uid
  if (textAt(metadata, 'name') !== name) {
    throw badRequest(
      `the name of the object (${textAt(metadata, 'name')}) does not match the name on the URL (${name})`,
    )
  }
  if ((textAt(metadata, 'namespace') ?? current.metadata.namespace) !== current.metadata.namespace) {
    throw badRequest('the namespace of the object does not match the namespace on the request')
  }
  if (givenVersion === '' && resource.isCustom && !isPatch) {
    const message = 'Invalid value: 0: must be specified for an update'
    throw invalid(resource, name, [{ field: 'metadata.resourceVersion', message }])
  }
  if (givenUid !== uid) {
    throw conflict(resource, name, `Precondition failed: UID in precondition: ${givenUid}, UID in object meta: ${uid}`)
  }
  if (givenVersion !== '' && givenVersion !== resourceVersion) throw conflict(resource, name)
}

/** Metadata after an update: what the server owns stays, what users own is replaced. @throws ApiError 422 */
export function updatedMetadata(resource: ApiResource, current: KubeObject, metadata: Json): ObjectMeta {
  checkMaps(metadata)
  const errors = [...metadataErrors(resource, current.metadata.name, metadata)]
  if (current.metadata.deletionTimestamp !== undefined) {
    const known = current.metadata.finalizers ?? []
    const added = listAt(metadata, 'finalizers').filter((finalizer) => !known.includes(String(finalizer)))
    if (added.length > 0) {
      const message = 'Forbidden: no new finalizers can be added if the object is being deleted'
      errors.push({ field: 'metadata.finalizers', message, reason: 'FieldValueForbidden' })
    }
  }
  if (errors.length > 0) throw invalid(resource, current.metadata.name, errors)
  const { labels: _l, annotations: _a, ownerReferences: _o, finalizers: _f, ...owned } = current.metadata
  return { ...owned, ...writable(metadata) }
}
