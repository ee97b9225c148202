import type { KubeObject } from '../../../core/io/kube/api.ts'
import { deepFreeze } from './json.ts'
import type { ApiResource } from './resources.ts'

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly resource: ApiResource
  readonly object: KubeObject
  readonly previous: KubeObject | undefined
  readonly version: number
}

export type ChangeListener = (change: Change) => void

/** Objects in memory under one rising resourceVersion, with a window of past changes, as etcd and its watch cache. */
export interface Storage {
  version(): number
  get(resource: ApiResource, namespace: string | undefined, name: string): KubeObject | undefined
  /** Sorted by namespace and name. */
  list(resource: ApiResource, namespace: string | undefined): readonly KubeObject[]
  /** Creates or replaces; the stored object is frozen and carries the new resourceVersion. */
  write(resource: ApiResource, object: KubeObject): KubeObject
  remove(resource: ApiResource, object: KubeObject): KubeObject
  /** `undefined` when that part of the history is gone. */
  changesSince(resource: ApiResource, version: number): readonly Change[] | undefined
  /** Listeners hear every change in order, also when one of them writes. */
  subscribe(resource: ApiResource | undefined, listener: ChangeListener): () => void
  /** Forgets the history of everything so far. */
  compact(): void
}

interface Shelf {
  readonly objects: Map<string, KubeObject>
  readonly listeners: Set<ChangeListener>
  sorted: readonly KubeObject[] | undefined
  history: Change[]
  /** Changes up to this version are forgotten. */
  floor: number
}

export function objectKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`
}

export function createStorage(historySize: number): Storage {
  const shelves = new Map<ApiResource, Shelf>()
  const everywhere = new Set<ChangeListener>()
  const pending: Change[] = []
  let isNotifying = false
  let version = 1
  let compactedAt = 0

  function shelfOf(resource: ApiResource): Shelf {
    let shelf = shelves.get(resource)
    if (shelf === undefined) {
      shelf = { objects: new Map(), listeners: new Set(), sorted: undefined, history: [], floor: compactedAt }
      shelves.set(resource, shelf)
    }
    return shelf
  }

  function notify(change: Change): void {
    pending.push(change)
    if (isNotifying) return
    isNotifying = true
    try {
      for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
        for (const listener of [...shelfOf(next.resource).listeners, ...everywhere]) listener(next)
      }
    } finally {
      isNotifying = false
    }
  }

  function commit(type: Change['type'], resource: ApiResource, object: KubeObject): KubeObject {
    version += 1
    const { metadata, ...rest } = object
    const stored = deepFreeze({ ...rest, metadata: { ...metadata, resourceVersion: String(version) } }) as KubeObject
    const shelf = shelfOf(resource)
    const key = objectKey(metadata.namespace, metadata.name)
    const previous = shelf.objects.get(key)
    if (type === 'DELETED') shelf.objects.delete(key)
    else shelf.objects.set(key, stored)
    shelf.sorted = undefined
    const change: Change = { type, resource, object: stored, previous, version }
    shelf.history.push(change)
    if (shelf.history.length > historySize * 2) {
      const dropped = shelf.history.splice(0, shelf.history.length - historySize)
      shelf.floor = dropped.at(-1)?.version ?? shelf.floor
    }
    notify(change)
    return stored
  }

  return Object.freeze({
    version: () => version,
    get: (resource, namespace, name) => shelfOf(resource).objects.get(objectKey(namespace, name)),
    list(resource, namespace) {
      const shelf = shelfOf(resource)
      shelf.sorted ??= [...shelf.objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)
      if (namespace === undefined) return shelf.sorted
      return shelf.sorted.filter((object) => object.metadata.namespace === namespace)
    },
    write(resource, object) {
      const known = shelfOf(resource).objects.has(objectKey(object.metadata.namespace, object.metadata.name))
      return commit(known ? 'MODIFIED' : 'ADDED', resource, object)
    },
    remove: (resource, object) => commit('DELETED', resource, object),
    changesSince(resource, since) {
      const { history, floor } = shelfOf(resource)
      if (since < floor) return undefined
      return history.slice(firstAfter(history, since))
    },
    subscribe(resource, listener) {
      const listeners = resource === undefined ? everywhere : shelfOf(resource).listeners
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    compact() {
      compactedAt = version
      for (const shelf of shelves.values()) {
        shelf.history = []
        shelf.floor = version
      }
    },
  } satisfies Storage)
}

function firstAfter(history: readonly Change[], since: number): number {
  let low = 0
  let high = history.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((history[middle]?.version ?? 0) > since) high = middle
    else low = middle + 1
  }
  return low
}
