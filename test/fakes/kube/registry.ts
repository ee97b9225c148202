import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../../core/clock.ts'
import { rfc3339 } from '../../../core/clock.ts'
import type { KubeObject } from '../../../core/io/kube/api.ts'
import { admit } from './admission.ts'
import { at, isObject, type Json, listAt, textAt } from './json.ts'
import { checkKind, checkPreconditions, newObject, updatedMetadata } from './metadata.ts'
import { applyPatch, type PatchKind } from './patch.ts'
import { type ApiResource, builtin, groupVersion } from './resources.ts'
import { alreadyExists, badRequest, conflict, forbidden, invalid, notFound } from './status.ts'
import type { Storage } from './storage.ts'

/** What a write names: a resource, and where in it. */
export interface Target {
  readonly resource: ApiResource
  readonly namespace: string | undefined
  readonly name: string
}

export interface WriteOptions {
  readonly isStatusWrite?: boolean
  readonly isDryRun?: boolean
  /** Refuse with 400 what would otherwise be pruned (`fieldValidation=Strict`). */
  readonly isStrict?: boolean
  /** Server's own writes only: keep `status` on a resource whose status is a subresource. */
  readonly keepsStatus?: boolean
}

export interface DeleteOptions {
  readonly uid?: string
  readonly resourceVersion?: string
  readonly isDryRun?: boolean
}

/** The write path of the API server: metadata, optimistic concurrency, admission, finalizers. Reads go to the storage. */
export interface Registry {
  create(target: Omit<Target, 'name'>, body: unknown, options?: WriteOptions): KubeObject
  update(target: Target, body: unknown, options?: WriteOptions): KubeObject
  patch(target: Target, kind: PatchKind, body: unknown, options?: WriteOptions): KubeObject
  /** @returns the last state, and whether the object is gone (false while finalizers hold it) */
  delete(target: Target, options?: DeleteOptions): { readonly object: KubeObject; readonly isGone: boolean }
}

export interface RegistryDeps {
  readonly storage: Storage
  readonly clock: Clock
}

export function createRegistry({ storage, clock }: RegistryDeps): Registry {
  function existing({ resource, namespace, name }: Target): KubeObject {
    const current = storage.get(resource, namespace, name)
    if (current === undefined) throw notFound(resource, name)
    return current
  }

  function admitted(
    resource: ApiResource,
    object: KubeObject,
    current: KubeObject | undefined,
    options: WriteOptions,
  ): KubeObject {
    const pruned: string[] = []
    const isStatusWrite = options.isStatusWrite === true
    const result = admit({ resource, object, current, isStatusWrite, storage, pruned })
    if (options.isStrict === true && pruned.length > 0) {
      throw badRequest(`strict decoding error: ${pruned.map((path) => `unknown field "${path}"`).join(', ')}`)
    }
    return result
  }

  function checkNamespace(resource: ApiResource, namespace: string | undefined, body: Json): void {
    if (namespace === undefined) return
    const found = storage.get(builtin('namespaces'), undefined, namespace)
    if (found === undefined) throw notFound(builtin('namespaces'), namespace)
    if (found.metadata.deletionTimestamp === undefined) return
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`
    throw forbidden(resource, textAt(body, 'metadata', 'name') ?? '', why)
  }

  function create(target: Omit<Target, 'name'>, body: unknown, options: WriteOptions = {}): KubeObject {
    const { resource, namespace } = target
    checkKind(resource, body)
    checkNamespace(resource, namespace, body)
    const { status, ...withoutStatus } = body
    const keepsStatus = !resource.hasStatus || options.keepsStatus === true
    const kept = keepsStatus && status !== undefined ? { ...withoutStatus, status } : withoutStatus
    const fresh = newObject(resource, namespace, kept, clock)
    const object = admitted(resource, fresh, undefined, options)
    const { name } = object.metadata
    if (storage.get(resource, namespace, name) !== undefined) throw alreadyExists(resource, name)
    return options.isDryRun === true ? object : storage.write(resource, object)
  }

  /** What the write may change: `status` alone on the subresource, everything else on the main resource. */
  function merged(resource: ApiResource, current: KubeObject, body: Json, options: WriteOptions): KubeObject {
    const { status: oldStatus, ...old } = current
    if (options.isStatusWrite === true) {
      return { ...old, ...(body['status'] === undefined ? {} : { status: body['status'] }) }
    }
    const { status: newStatus, ...fresh } = body
    const status = resource.hasStatus ? oldStatus : newStatus
    const object = {
      ...(fresh as unknown as KubeObject),
      apiVersion: groupVersion(resource),
      kind: resource.kind,
      metadata: updatedMetadata(resource, current, body['metadata'] as Json),
    }
    return status === undefined ? object : { ...object, status }
  }

  function store(resource: ApiResource, current: KubeObject, object: KubeObject, isDryRun: boolean): KubeObject {
    if (isDeepStrictEqual(object, current)) return current
    const { metadata: before, status: _before, ...desiredBefore } = current
    const { metadata, status: _after, ...desired } = object
    const isChanged = resource.hasGeneration && !isDeepStrictEqual(desired, desiredBefore)
    const generation = isChanged ? { generation: (before.generation ?? 0) + 1 } : {}
    const updated = { ...object, metadata: { ...metadata, ...generation } }
    if (isDryRun) return updated
    const isReleased = metadata.deletionTimestamp !== undefined && holders(updated).length === 0
    return isReleased ? storage.remove(resource, updated) : storage.write(resource, updated)
  }

  function write(target: Target, body: Json, isPatch: boolean, options: WriteOptions): KubeObject {
    const { resource } = target
    const current = existing(target)
    if (!isObject(at(body, 'metadata'))) throw badRequest('the body is no Kubernetes object')
    checkPreconditions(resource, current, body['metadata'] as Json, isPatch)
    const object = admitted(resource, merged(resource, current, body, options), current, options)
    return store(resource, current, object, options.isDryRun === true)
  }

  function update(target: Target, body: unknown, options: WriteOptions = {}): KubeObject {
    checkKind(target.resource, body)
    return write(target, body, false, options)
  }

  function apply(target: Target, body: unknown, options: WriteOptions): KubeObject {
    const { resource, namespace, name } = target
    checkKind(resource, body)
    if (storage.get(resource, namespace, name) !== undefined || options.isStatusWrite === true) {
      return write(target, applyPatch('apply', existing(target), body), true, options)
    }
    return create(target, { ...body, metadata: { ...(body['metadata'] as Json), name } }, options)
  }

  function patch(target: Target, kind: PatchKind, body: unknown, options: WriteOptions = {}): KubeObject {
    if (kind === 'apply') return apply(target, body, options)
    return write(target, applyPatch(kind, existing(target), body), true, options)
  }

  function remove(target: Target, options: DeleteOptions = {}): { object: KubeObject; isGone: boolean } {
    const { resource, name } = target
    const current = existing(target)
    const { uid, resourceVersion, deletionTimestamp } = current.metadata
    for (const [what, wanted, actual] of [
      ['UID', options.uid, uid],
      ['ResourceVersion', options.resourceVersion, resourceVersion],
    ]) {
      if (wanted === undefined || wanted === actual) continue
      throw conflict(
        resource,
        name,
        `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${actual}`,
      )
    }
    if (holders(current).length === 0) {
      return { object: options.isDryRun === true ? current : storage.remove(resource, current), isGone: true }
    }
    if (deletionTimestamp !== undefined || options.isDryRun === true) return { object: current, isGone: false }
    const marked = { ...current.metadata, deletionTimestamp: rfc3339(clock()), deletionGracePeriodSeconds: 0 }
    return { object: storage.write(resource, { ...current, metadata: marked }), isGone: false }
  }

  return Object.freeze({ create, update, patch, delete: remove })
}

/** What keeps an object from going: its finalizers; a namespace has a list of its own in `spec`. */
function holders(object: KubeObject): readonly unknown[] {
  const own = object.metadata.finalizers ?? []
  return object.kind === 'Namespace' ? [...own, ...listAt(object, 'spec', 'finalizers')] : own
}

/** A request for server-side apply without `fieldManager`. @throws ApiError 422 */
export function checkFieldManager(target: Target, kind: PatchKind, fieldManager: string | null): void {
  if (kind !== 'apply' || (fieldManager ?? '') !== '') return
  const message = 'Required value: is required for apply patch'
  throw invalid(target.resource, target.name, [{ field: 'fieldManager', message, reason: 'FieldValueRequired' }])
}
