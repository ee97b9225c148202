import { isObject, type Json } from './json.ts'
import { applyJsonPatch } from './json-patch.ts'
import { ApiError, badRequest } from './status.ts'

export type PatchKind = 'merge' | 'json' | 'apply'

const kindOfMediaType: Readonly<Record<string, PatchKind>> = {
  'application/merge-patch+json': 'merge',
  'application/json-patch+json': 'json',
  'application/apply-patch+yaml': 'apply',
}

/** @throws ApiError 415, also for strategic merge patches, which no custom resource takes */
export function patchKind(contentType: string | undefined): PatchKind {
  const mediaType = contentType?.split(';')[0]?.trim().toLowerCase() ?? ''
  const kind = kindOfMediaType[mediaType]
  if (kind !== undefined) return kind
  const accepted = Object.keys(kindOfMediaType).join(', ')
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted}`
  throw new ApiError(415, 'UnsupportedMediaType', message)
}

/** @see RFC 7396 §2 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else merged[key] = applyMergePatch(merged[key], value)
  }
  return merged
}

/** Lists that Kubernetes merges by a key instead of replacing them. */
const listKeys: Readonly<Record<string, string>> = { conditions: 'type', ownerReferences: 'uid' }

function mergeList(key: string, target: unknown, applied: readonly unknown[]): readonly unknown[] {
  const id = listKeys[key]
  if (id === undefined || !Array.isArray(target)) return applied
  const idOf = (item: unknown) => (isObject(item) ? item[id] : undefined)
  const kept = target.map((item) => applied.find((other) => idOf(other) === idOf(item)) ?? item)
  return [...kept, ...applied.filter((item) => !target.some((other) => idOf(other) === idOf(item)))]
}

/** Server-side apply in its smallest form: create or merge, with no field ownership and so no conflicts. */
export function applyApplyPatch(target: unknown, applied: Json): Json {
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(applied)) {
    if (Array.isArray(value)) merged[key] = mergeList(key, merged[key], value)
    else merged[key] = isObject(value) ? applyApplyPatch(merged[key], value) : value
  }
  return merged
}

/** The object that a patch makes of the current one. */
export function applyPatch(kind: PatchKind, current: object, patch: unknown): Json {
  if (kind !== 'json' && !isObject(patch)) throw badRequest('the patch must be a JSON object')
  const patched = kind === 'json' ? applyJsonPatch(current, patch) : mergeOrApply(kind, current, patch)
  if (!isObject(patched)) throw badRequest('the patched object is no object')
  return patched
}

function mergeOrApply(kind: 'merge' | 'apply', current: object, patch: unknown): unknown {
  return kind === 'merge' ? applyMergePatch(current, patch) : applyApplyPatch(current, patch as Json)
}
