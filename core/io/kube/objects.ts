import type { KubeObject } from './api.ts'
import { KubeUnreachable } from './failure.ts'

/** Bounds of a call about one object; etcd holds none over 1.5 MiB, the rest is slack for what JSON adds. */
export const objectLimits = { maxBytes: 8 * 1024 * 1024, timeoutMs: 10_000 } as const

/** Neither null nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * What enters from the API server: `managedFields` go, as they are half of many objects, where nobody asked for them, and
 * items of built-in lists, which come without them, get `apiVersion` and `kind`. Changes the object it is given.
 */
export function tidyObject<T extends KubeObject>(
  object: Record<string, unknown>,
  listed?: { readonly apiVersion: unknown; readonly kind: unknown },
  keepsManagedFields = false,
): T {
  const metadata = object['metadata']
  if (isRecord(metadata) && !keepsManagedFields) delete metadata['managedFields']
  if (listed && object['kind'] === undefined && typeof listed.kind === 'string') {
    object['apiVersion'] = listed.apiVersion
    object['kind'] = listed.kind.replace(/List$/, '')
  }
  return object as unknown as T
}

/** Whether the parts that {@link KubeObject} promises are there. */
export function isKubeObject(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value)) return false
  const metadata = value['metadata']
  return isRecord(metadata) && typeof metadata['name'] === 'string' && typeof metadata['resourceVersion'] === 'string'
}

/** @throws KubeUnreachable for an answer that is no object */
export function asObject<T extends KubeObject>(body: unknown, path: string): T {
  if (!isKubeObject(body)) throw new KubeUnreachable(`${path} was answered with something that is no object`)
  return tidyObject<T>(body)
}
