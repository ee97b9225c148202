import { KubeError, type KubeObject, type ListOptions, type Resource } from './api.ts'
import { KubeUnreachable } from './failure.ts'
import { isKubeObject, isRecord, tidyObject } from './objects.ts'
import { collectionPath, listQuery } from './paths.ts'
import type { Transport } from './transport.ts'

interface Listed<T extends KubeObject> {
  readonly items: readonly T[]
  readonly resourceVersion: string
}

const pageLimit = '500'
/** A page of the largest runs that occur (100 KiB each) fits; more is a mistake or an attack. */
const pageBytes = 64 * 1024 * 1024
const pageTimeoutMs = 30_000
const pagedTries = 2

/**
 * Lists every page. A continue token lives some five minutes; when it expires between two pages the list starts again,
 * and the last time it is asked for in one piece, which cannot expire.
 */
export async function listAll<T extends KubeObject>(
  transport: Transport,
  resource: Resource,
  options: ListOptions,
  signal: AbortSignal,
): Promise<Listed<T>> {
  for (let tries = 0; tries < pagedTries; tries += 1) {
    try {
      return await listPages<T>(transport, resource, options, pageLimit, signal)
    } catch (error) {
      if (!(error instanceof KubeError && error.status === 410)) throw error
    }
  }
  return await listPages<T>(transport, resource, options, undefined, signal)
}

async function listPages<T extends KubeObject>(
  transport: Transport,
  resource: Resource,
  options: ListOptions,
  limit: string | undefined,
  signal: AbortSignal,
): Promise<Listed<T>> {
  const path = collectionPath(resource, options.namespace)
  const items: T[] = []
  let next: string | undefined
  for (;;) {
    const query = listQuery(options, { limit, continue: next })
    const page = await transport.call(
      { method: 'GET', path, query, isRead: true, maxBytes: pageBytes, timeoutMs: pageTimeoutMs },
      signal,
    )
    const { found, resourceVersion, more } = readPage<T>(page, path, options.keepsManagedFields)
    for (const item of found) items.push(item)
    if (more === undefined) return { items, resourceVersion }
    next = more
  }
}

function readPage<T extends KubeObject>(
  page: unknown,
  path: string,
  keepsManagedFields: boolean | undefined,
): { readonly found: readonly T[]; readonly resourceVersion: string; readonly more: string | undefined } {
  const metadata = isRecord(page) && isRecord(page['metadata']) ? page['metadata'] : {}
  const { resourceVersion, continue: more } = metadata
  // An empty list of some servers is null: Go prints a nil slice so.
  const items = isRecord(page) ? (page['items'] ?? []) : undefined
  if (!isRecord(page) || !Array.isArray(items) || !items.every(isKubeObject) || typeof resourceVersion !== 'string') {
    throw new KubeUnreachable(`GET ${path} was answered with something that is no list`)
  }
  const listed = { apiVersion: page['apiVersion'], kind: page['kind'] }
  return {
    found: items.map((item) => tidyObject<T>(item, listed, keepsManagedFields)),
    resourceVersion,
    more: typeof more === 'string' && more !== '' ? more : undefined,
  }
}
