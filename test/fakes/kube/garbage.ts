import type { KubeObject } from '../../../core/io/kube/api.ts'
import type { Registry } from './registry.ts'
import { type ApiResource, builtin, served } from './resources.ts'
import { type Change, objectKey, type Storage } from './storage.ts'

interface Place {
  readonly resource: ApiResource
  readonly namespace: string | undefined
  readonly name: string
}

export interface GarbageCollector {
  /** Resolves when every deletion so far has reached its dependants. */
  idle(): Promise<void>
  stop(): void
}

export interface GarbageOptions {
  /** Also collect objects whose owners never existed, as the real collector does after a moment. */
  readonly collectsDangling: boolean
}

/**
 * What the controller manager does to objects: deletes dependants of deleted owners in the background, empties and
 * removes terminating namespaces, gives each namespace its `default` ServiceAccount.
 */
export function startGarbageCollector(storage: Storage, registry: Registry, options: GarbageOptions): GarbageCollector {
  const dependants = new Map<string, Map<string, Place>>()
  const uids = new Set<string>()
  const work: (() => void)[] = []
  const waiting: (() => void)[] = []
  let isScheduled = false

  function run(): void {
    isScheduled = false
    for (const task of work.splice(0)) task()
    if (work.length > 0) schedule()
    else for (const wake of waiting.splice(0)) wake()
  }

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(run)
  }

  function later(task: () => void): void {
    work.push(task)
    schedule()
  }

  function placeOf(resource: ApiResource, { metadata }: KubeObject): Place {
    return { resource, namespace: metadata.namespace, name: metadata.name }
  }

  function keyOf(place: Place): string {
    return `${place.resource.plural}.${place.resource.group}/${objectKey(place.namespace, place.name)}`
  }

  function index(change: Change): void {
    const place = placeOf(change.resource, change.object)
    for (const owner of change.previous?.metadata.ownerReferences ?? []) dependants.get(owner.uid)?.delete(keyOf(place))
    if (change.type === 'DELETED') return
    for (const owner of change.object.metadata.ownerReferences ?? []) {
      const places = dependants.get(owner.uid) ?? new Map<string, Place>()
      dependants.set(owner.uid, places.set(keyOf(place), place))
    }
  }

  /** Deletes the object when none of its owners is left; otherwise drops the references to those that are gone. */
  function collect(place: Place): void {
    const object = storage.get(place.resource, place.namespace, place.name)
    const owners = object?.metadata.ownerReferences ?? []
    const left = owners.filter((owner) => uids.has(owner.uid))
    if (object === undefined || owners.length === 0 || left.length === owners.length) return
    if (left.length === 0) registry.delete(place)
    else storage.write(place.resource, { ...object, metadata: { ...object.metadata, ownerReferences: left } })
  }

  function contents(namespace: string): readonly Place[] {
    const namespaced = served.filter((resource) => resource.isNamespaced && !resource.isReview)
    return namespaced.flatMap((resource) =>
      storage.list(resource, namespace).map((object) => placeOf(resource, object)),
    )
  }

  function terminate(name: string): void {
    const namespaces = builtin('namespaces')
    if (storage.get(namespaces, undefined, name)?.metadata.deletionTimestamp === undefined) return
    for (const place of contents(name)) {
      if (storage.get(place.resource, place.namespace, place.name) !== undefined) registry.delete(place)
    }
    if (contents(name).length > 0) return
    registry.patch({ resource: namespaces, namespace: undefined, name }, 'merge', { spec: { finalizers: null } })
  }

  function giveServiceAccount(namespace: string): void {
    const resource = builtin('serviceaccounts')
    if (storage.get(resource, namespace, 'default') !== undefined) return
    registry.create(
      { resource, namespace },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } },
    )
  }

  function onNamespace({ type, object }: Change): void {
    const name = object.metadata.name
    if (type === 'ADDED') giveServiceAccount(name)
    else if (type === 'MODIFIED' && object.metadata.deletionTimestamp !== undefined) later(() => terminate(name))
  }

  function onChange(change: Change): void {
    const { type, resource, object } = change
    const { uid, namespace } = object.metadata
    index(change)
    if (type === 'ADDED') uids.add(uid)
    if (type === 'ADDED' && options.collectsDangling) later(() => collect(placeOf(resource, object)))
    if (resource.plural === 'namespaces') onNamespace(change)
    if (type !== 'DELETED') return
    uids.delete(uid)
    const places = [...(dependants.get(uid)?.values() ?? [])]
    dependants.delete(uid)
    if (places.length > 0) later(() => places.forEach(collect))
    if (namespace !== undefined) later(() => terminate(namespace))
  }

  const unsubscribe = storage.subscribe(undefined, onChange)
  return Object.freeze({
    idle: () => (isScheduled ? new Promise<void>((resolve) => waiting.push(resolve)) : Promise.resolve()),
    stop: unsubscribe,
  })
}
