import type { IncomingMessage } from 'node:http'
import type { Attributes } from './authz-rbac.ts'
import { type ApiResource, findResource } from './resources.ts'

/** A request as authorisation and routing see it. */
export interface RequestInfo {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly verb: string
  /** Set on paths below `/api/v1` and `/apis/<group>/<version>`. */
  readonly apiVersion: string | undefined
  /** Plural in the path, served or not; empty on non-resource paths. */
  readonly plural: string
  readonly resource: ApiResource | undefined
  readonly namespace: string | undefined
  readonly name: string
  readonly subresource: string
}

const verbs: Readonly<Record<string, readonly [onCollection: string, onObject: string]>> = {
  GET: ['list', 'get'],
  HEAD: ['list', 'get'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['deletecollection', 'delete'],
}

/** @throws URIError for a path that is no percent-encoded UTF-8 */
export function requestInfo({ method = 'GET', url = '/' }: Pick<IncomingMessage, 'method' | 'url'>): RequestInfo {
  const { pathname: path, searchParams: query } = new URL(url, 'http://kube.invalid')
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent)
  const place = resourcePlace(parts)
  const base = { method, path, query }
  if (place === undefined) {
    return { ...base, ...nowhere, verb: method.toLowerCase() }
  }
  const { apiVersion, plural, namespace, subresource } = place
  const isWatch = method === 'GET' && ['true', '1'].includes(query.get('watch') ?? '')
  const [onCollection, onObject] = verbs[method] ?? [method.toLowerCase(), method.toLowerCase()]
  const verb = isWatch ? 'watch' : place.name === '' ? onCollection : onObject
  const name = place.name === '' && (verb === 'list' || isWatch) ? selectedName(query) : place.name
  return { ...base, verb, apiVersion, plural, resource: findResource(apiVersion, plural), namespace, name, subresource }
}

const nowhere = {
  apiVersion: undefined,
  plural: '',
  resource: undefined,
  namespace: undefined,
  name: '',
  subresource: '',
} as const

interface Place {
  readonly apiVersion: string
  readonly plural: string
  readonly namespace: string | undefined
  readonly name: string
  readonly subresource: string
}

function resourcePlace(parts: readonly string[]): Place | undefined {
  const [root, ...rest] = parts
  const depth = root === 'api' ? 1 : 2
  if ((root !== 'api' && root !== 'apis') || rest.length <= depth) return undefined
  const apiVersion = rest.slice(0, depth).join('/')
  const [first = '', second, third, ...below] = rest.slice(depth)
  if (first !== 'namespaces' || third === undefined || third === 'status') {
    return { apiVersion, plural: first, namespace: undefined, name: second ?? '', subresource: third ?? '' }
  }
  const [name = '', ...sub] = below
  return { apiVersion, plural: third, namespace: second, name, subresource: sub.join('/') }
}

/** A list or watch of one name is judged as a request for that name, so that `resourceNames` in a Role can allow it. */
function selectedName(query: URLSearchParams): string {
  return /(?:^|,)metadata\.name==?([^,]+)(?:,|$)/.exec(query.get('fieldSelector') ?? '')?.[1] ?? ''
}

/** What RBAC is asked for this request. */
export function attributesOf(info: RequestInfo): Attributes {
  if (info.apiVersion === undefined) return { verb: info.verb, path: info.path }
  const slash = info.apiVersion.indexOf('/')
  return {
    verb: info.verb,
    group: slash < 0 ? '' : info.apiVersion.slice(0, slash),
    resource: info.plural,
    // what is behind services/proxy is not judged
    subresource: info.subresource.split('/')[0] ?? '',
    name: info.name,
    ...(info.namespace === undefined ? {} : { namespace: info.namespace }),
  }
}

/** The API server's sentence for a request that RBAC does not allow. */
export function refusal(username: string, attributes: Attributes): string {
  if (attributes.path !== undefined) return `User "${username}" cannot ${attributes.verb} path "${attributes.path}"`
  const { verb, group = '', resource = '', subresource = '', namespace } = attributes
  const what = subresource === '' ? resource : `${resource}/${subresource}`
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  return `User "${username}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`
}
