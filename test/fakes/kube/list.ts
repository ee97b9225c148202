import type { KubeObject } from '../../../core/io/kube/api.ts'
import { jsonOf } from './json.ts'
import type { RequestInfo } from './request-info.ts'
import { type ApiResource, groupVersion } from './resources.ts'
import { parseSelectors } from './selectors.ts'
import { ApiError, badRequest, expired } from './status.ts'
import type { Storage } from './storage.ts'

/** Answers list requests; pages of one list show the state of its first page. */
export interface Lister {
  /** @returns the JSON text of the list @throws ApiError 400, 410 or 504 */
  list(info: RequestInfo, resource: ApiResource): string
  /** Makes every `continue` token given out so far too old. */
  expire(): void
}

interface Snapshot {
  readonly version: number
  readonly items: readonly KubeObject[]
}

const maxSnapshots = 32
const itemTexts = new WeakMap<KubeObject, string>()

export function createLister(storage: Storage): Lister {
  const snapshots = new Map<string, Snapshot>()
  let serial = 0

  function list(info: RequestInfo, resource: ApiResource): string {
    const token = info.query.get('continue') ?? ''
    const limit = Number(info.query.get('limit') ?? 0)
    if (!Number.isInteger(limit) || limit < 0) throw badRequest('limit must be a positive integer')
    if (token !== '') return page(resource, resumed(token), limit)
    checkVersion(info.query, storage.version())
    const predicate = parseSelectors(info.query, resource.kind)
    const items = storage.list(resource, info.namespace).filter(predicate)
    return page(resource, { id: undefined, start: 0, snapshot: { version: storage.version(), items } }, limit)
  }

  function resumed(token: string): { id: string; start: number; snapshot: Snapshot } {
    const [id = '', start = ''] = Buffer.from(token, 'base64url').toString().split(':')
    if (!/^\d+$/.test(start)) throw badRequest('continue key is not valid')
    const snapshot = snapshots.get(id)
    if (snapshot !== undefined) return { id, start: Number(start), snapshot }
    throw expired('The provided continue parameter is too old to display a consistent list result.')
  }

  function page(
    resource: ApiResource,
    { id, start, snapshot }: { readonly id: string | undefined; readonly start: number; readonly snapshot: Snapshot },
    limit: number,
  ): string {
    const end = limit === 0 ? snapshot.items.length : start + limit
    const remaining = snapshot.items.length - end
    const more = remaining > 0 ? { continue: next(id, end, snapshot), remainingItemCount: remaining } : {}
    const metadata = { resourceVersion: String(snapshot.version), ...more }
    const items = snapshot.items.slice(start, end).map((item) => (resource.isCustom ? jsonOf(item) : bareText(item)))
    const head = `"kind":"${resource.kind}List","apiVersion":"${groupVersion(resource)}"`
    return `{${head},"metadata":${JSON.stringify(metadata)},"items":[${items.join(',')}]}`
  }

  function next(id: string | undefined, start: number, snapshot: Snapshot): string {
    serial += 1
    const key = id ?? String(serial)
    snapshots.set(key, snapshot)
    const [oldest] = snapshots.keys()
    if (snapshots.size > maxSnapshots && oldest !== undefined) snapshots.delete(oldest)
    return Buffer.from(`${key}:${start}`).toString('base64url')
  }

  return Object.freeze({ list, expire: () => snapshots.clear() })
}

/** Items of built-in lists carry neither `kind` nor `apiVersion`. */
function bareText(item: KubeObject): string {
  const known = itemTexts.get(item)
  if (known !== undefined) return known
  const { apiVersion: _a, kind: _k, ...bare } = item
  const text = JSON.stringify(bare)
  itemTexts.set(item, text)
  return text
}

function checkVersion(query: URLSearchParams, current: number): void {
  const text = query.get('resourceVersion') ?? ''
  if (text === '') return
  if (!/^\d+$/.test(text)) throw badRequest(`resourceVersion: Invalid value: "${text}"`)
  if (Number(text) <= current) return
  throw new ApiError(504, 'Timeout', `Too large resource version: ${text}, current: ${current}`, {
    retryAfterSeconds: 1,
  })
}
