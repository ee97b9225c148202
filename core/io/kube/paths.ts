import type { ListOptions, ObjectRef, Resource } from './api.ts'

/**
 * Path of the collection of a kind: in one namespace, or across all when `namespace` is undefined.
 *
 * @throws TypeError for a name that cannot be one segment of a path
 */
export function collectionPath(resource: Resource, namespace: string | undefined): string {
  const root =
    resource.group === '' ? `/api/${resource.version}` : `/apis/${segment(resource.group)}/${segment(resource.version)}`
  const within = resource.isNamespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : ''
  return `${root}${within}/${segment(resource.plural)}`
}

/**
 * Path of one object.
 *
 * @throws TypeError when a namespaced kind comes without its namespace, or for a name that cannot be one segment
 */
export function objectPath(resource: Resource, ref: ObjectRef, subresource?: string): string {
  if (resource.isNamespaced && ref.namespace === undefined) throw new TypeError(`${resource.plural} need a namespace`)
  const path = `${collectionPath(resource, ref.namespace)}/${segment(ref.name)}`
  return subresource === undefined ? path : `${path}/${segment(subresource)}`
}

/** Query parameters of list and watch; empty ones are left out. */
export function listQuery(options: ListOptions, more: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams()
  const all = { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector, ...more }
  for (const [name, value] of Object.entries(all)) {
    if (value !== undefined && value !== '') query.set(name, value)
  }
  return query.toString()
}

/** What the API server itself refuses as a name (`IsValidPathSegmentName`), so that none climbs out of its place. */
function segment(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.length > 253 || /[/%?#\s\p{Cc}]/u.test(name)) {
    throw new TypeError('A Kubernetes name or namespace is not usable in a path')
  }
  return encodeURIComponent(name)
}
