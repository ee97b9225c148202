import type { KubeObject, ObjectRef } from './api.ts'

/** What a watcher is told. Delete and create under one name are two changes, whatever the watch made of them. */
export type Change<T> =
  | { readonly kind: 'added'; readonly value: T }
  | { readonly kind: 'updated'; readonly value: T; readonly previous: T }
  | { readonly kind: 'deleted'; readonly value: T }

interface Entry<T> {
  readonly uid: string
  readonly resourceVersion: string
  readonly namespace: string | undefined
  readonly value: T
}

/** The objects as last seen. Every method returns the changes it made, in order. */
export interface InformerStore<T> {
  replace(objects: readonly KubeObject[]): readonly Change<T>[]
  put(object: KubeObject): readonly Change<T>[]
  remove(object: KubeObject): readonly Change<T>[]
  get(ref: ObjectRef): T | undefined
  list(namespace?: string): readonly T[]
}

/**
 * @param parse undefined for an object that is not usable: it counts as absent, so that a policy nobody can read any more
 * does not live on in its last readable form
 */
export function createInformerStore<T>(parse: (object: KubeObject) => T | undefined): InformerStore<T> {
  const entries = new Map<string, Entry<T>>()

  function drop(key: string): readonly Change<T>[] {
    const entry = entries.get(key)
    entries.delete(key)
    return entry ? [{ kind: 'deleted', value: entry.value }] : []
  }

  function put(object: KubeObject): readonly Change<T>[] {
    const { uid, resourceVersion, namespace } = object.metadata
    const key = keyOf(object.metadata)
    const before = entries.get(key)
    if (before?.uid === uid && before.resourceVersion === resourceVersion) return []
    const value = parse(object)
    if (value === undefined) return drop(key)
    const gone = before && before.uid !== uid ? drop(key) : []
    entries.set(key, { uid, resourceVersion, namespace, value })
    if (before?.uid === uid) return [{ kind: 'updated', value, previous: before.value }]
    return [...gone, { kind: 'added', value }]
  }

  return Object.freeze({
    replace(objects: readonly KubeObject[]): readonly Change<T>[] {
      const listed = new Set(objects.map((object) => keyOf(object.metadata)))
      const gone = [...entries.keys()].filter((key) => !listed.has(key)).flatMap(drop)
      return [...gone, ...objects.flatMap(put)]
    },
    put,
    remove(object: KubeObject): readonly Change<T>[] {
      const key = keyOf(object.metadata)
      // The end of an older object of that name says nothing about the one that is there now.
      return entries.get(key)?.uid === object.metadata.uid ? drop(key) : []
    },
    get: (ref: ObjectRef) => entries.get(keyOf(ref))?.value,
    list(namespace?: string): readonly T[] {
      const all = [...entries.values()]
      return (namespace === undefined ? all : all.filter((entry) => entry.namespace === namespace)).map(
        (entry) => entry.value,
      )
    },
  })
}

function keyOf(ref: ObjectRef): string {
  return `${ref.namespace ?? ''}/${ref.name}`
}
