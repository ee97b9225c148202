import type { KubeObject, ObjectRef, Resource } from '../../../core/io/kube/api.ts'
import { at, isObject, textAt } from './json.ts'
import type { Registry, Target } from './registry.ts'
import { builtin, findKind, servedResource } from './resources.ts'
import { badRequest } from './status.ts'
import type { Storage } from './storage.ts'

/** The cluster's objects from inside the test's own process: no HTTP, no authorisation, the same checks. */
export interface Objects {
  get<T extends KubeObject>(resource: Resource, ref: ObjectRef): T | undefined
  list<T extends KubeObject>(resource: Resource, namespace?: string): readonly T[]
  /** Creates from a manifest; `status` is kept, as if its controller had written it; a missing namespace is created. */
  create<T extends KubeObject>(manifest: object): T
  /** Merge patch of anything but `status`. */
  patch<T extends KubeObject>(resource: Resource, ref: ObjectRef, patch: object): T
  /** Merge patch of `status`. */
  patchStatus<T extends KubeObject>(resource: Resource, ref: ObjectRef, status: object): T
  delete(resource: Resource, ref: ObjectRef): void
  /** Every change to the kind, in order. @returns ends the subscription */
  watch(resource: Resource, listener: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject) => void): () => void
}

export function createObjects(storage: Storage, registry: Registry): Objects {
  function target(resource: Resource, { namespace, name }: ObjectRef): Target {
    return { resource: servedResource(resource), namespace, name }
  }

  function ensureNamespace(name: string): void {
    const resource = builtin('namespaces')
    if (storage.get(resource, undefined, name) !== undefined) return
    registry.create({ resource, namespace: undefined }, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }

  function create(manifest: object): KubeObject {
    const body = plain(manifest)
    const [apiVersion, kind] = [textAt(body, 'apiVersion') ?? '', textAt(body, 'kind') ?? '']
    const resource = findKind(apiVersion, kind)
    if (resource === undefined || !isObject(body)) throw badRequest(`the fake serves no ${apiVersion}, Kind=${kind}`)
    const namespace = resource.isNamespaced ? (textAt(body, 'metadata', 'namespace') ?? 'default') : undefined
    if (namespace !== undefined) ensureNamespace(namespace)
    return registry.create({ resource, namespace }, body, { keepsStatus: true })
  }

  return Object.freeze({
    get: (resource, ref) => storage.get(servedResource(resource), ref.namespace, ref.name) as never,
    list: (resource, namespace) => storage.list(servedResource(resource), namespace) as never,
    create: (manifest) => create(manifest) as never,
    patch: (resource, ref, patch) => registry.patch(target(resource, ref), 'merge', plain(patch)) as never,
    patchStatus(resource, ref, status) {
      const options = { isStatusWrite: servedResource(resource).hasStatus }
      return registry.patch(target(resource, ref), 'merge', { status: plain(status) }, options) as never
    },
    delete(resource, ref) {
      registry.delete(target(resource, ref))
    },
    watch: (resource, listener) =>
      storage.subscribe(servedResource(resource), ({ type, object }) => listener(type, object)),
  } satisfies Objects)
}

/** As it would come over HTTP: no shared references, no `undefined`. */
function plain(value: object): unknown {
  return JSON.parse(JSON.stringify(value))
}

/** uid of an object that must be there. @throws TypeError */
export function uidOf(object: KubeObject | undefined): string {
  const uid = at(object, 'metadata', 'uid')
  if (typeof uid !== 'string') throw new TypeError('there is no such object')
  return uid
}
